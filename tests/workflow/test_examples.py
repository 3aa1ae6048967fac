"""Every example plans to its end; what it says of its molecule is checked against the molecule itself."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "config" / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_there_are_examples():
    assert {"alanine_tetrapeptide", "chignolin", "trp_cage_explicit"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_plans_to_its_end(project, name):
    result = project.snakemake("--dry-run", "--configfile", f"config/examples/{name}.yaml", config=None)
    assert result.returncode == 0, result.stdout + result.stderr
    output = result.stdout + result.stderr
    assert "estimate_free_energy" in output
    assert ("equilibrate" in output) == name.endswith("explicit")
    assert not project.written()

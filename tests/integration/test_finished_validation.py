"""A validation beside a finished run: the run is one of its own, new random seeds are all that is added."""

import pandas as pd
import pytest

SEEDS = {"validation": {"random_seeds": [1, 2]}}
TABLE = "results/small-validation/validation.csv"
FIGURE = "results/small-validation/validation.svg"


@pytest.fixture(scope="module")
def validated(second_run):
    """The finished run, which has the random seed 1, and one with another; of their figures only the common one is made."""
    project = second_run("validated")
    project.snakemake(FIGURE, **SEEDS)
    return project


def test_the_configured_run_is_one_of_its_validation_and_not_made_anew(validated, finished):
    for path in finished.results.rglob("*.dcd"):
        assert (validated.results / path.relative_to(finished.results)).stat().st_mtime == path.stat().st_mtime
    assert (validated.folder / "results" / "small-seed-2" / "system" / "system.xml").is_symlink()


def test_the_table_has_what_came_out_of_every_run(validated):
    table = pd.read_csv(validated.folder / TABLE).set_index("random_seed")
    assert list(table["run"]) == ["small", "small-seed-2"]
    for _, line in table.iterrows():
        results = validated.folder / "results" / line["run"]
        states = pd.read_csv(results / "free_energy" / "states.csv").set_index("state")
        rounds = pd.read_csv(results / "rounds.csv")
        assert line["n_bins_visited_phi_psi"] == rounds["n_bins_visited_phi_psi"].iloc[-1]
        assert line["free_energy_kJ_per_mol_C5"] == pytest.approx(
            states.loc["C5", "free_energy_kJ_per_mol"], nan_ok=True, rel=1e-5
        )
        assert line["reached_ns_C5"] == 0.08  # by the seed: C5 and C7eq are one basin
    assert table["n_bins_visited_phi_psi"].nunique() == 2  # the random seeds differ


def test_the_figure_and_the_summary_are_there(validated):
    folder = (validated.folder / FIGURE).parent
    assert (folder / "validation.png").stat().st_size > 0
    assert "2 runs, random seeds 1, 2" in (folder / "summary.txt").read_text()


def test_another_random_seed_adds_its_run_only(validated):
    assert validated.planned(FIGURE, **SEEDS) == {}
    planned = validated.planned(FIGURE, validation={"random_seeds": [1, 2, 3]})
    own = {path.split("/")[1] for path in planned if not path.split("/")[1].startswith("shared-")}
    assert own == {"small-seed-3", "small-validation"}
    assert list(planned.values()).count("seed_unbiased") == 2
    assert "prepare_system" not in planned.values()

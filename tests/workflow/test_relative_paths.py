"""Paths of a configuration are relative to the file that names them, from whichever folder Snakemake is started."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TARGET = "results/mine/system/topology.pdb"


@pytest.fixture
def plan(repository, tmp_path):
    """Plan jobs in a working directory without a configuration of its own."""
    folder = tmp_path / "work"
    folder.mkdir()

    def snakemake(*arguments: str | Path) -> subprocess.CompletedProcess:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            repository / "Snakefile",
            "--cores",
            "1",
            "--dry-run",
        ]
        return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)

    return snakemake


@pytest.fixture
def mine(tmp_path, alanine_pdb) -> Path:
    """A folder with a configuration and the structure beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(alanine_pdb, folder / "adp.pdb")
    (folder / "my.yaml").write_text(yaml.safe_dump({"run": "mine", "system": {"structure": "adp.pdb"}}))
    return folder


def test_a_structure_beside_the_configuration_is_found_from_elsewhere(plan, job_stats, mine):
    assert job_stats(plan(TARGET, "--configfile", Path("..", "mine", "my.yaml"))) == {"prepare_system": 1}


def test_what_is_given_on_the_command_line_is_relative_to_the_working_directory(plan, job_stats, mine):
    result = plan(TARGET, "--config", "run=mine", "system={structure: ../mine/adp.pdb}")
    assert job_stats(result) == {"prepare_system": 1}


def test_a_missing_file_is_refused_with_the_places_searched(plan, mine, tmp_path):
    (mine / "adp.pdb").unlink()
    result = plan(TARGET, "--configfile", mine / "my.yaml")
    (line,) = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("config error:")]
    assert result.returncode != 0
    assert "system.structure is 'adp.pdb', and there is no such file" in line
    assert str(mine) in line and str(tmp_path / "work") in line

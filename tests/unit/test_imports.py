"""Scripts that a run starts most often do not load packages that take long and that they do not need."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
COMMON = SCRIPTS.parent / "rules" / "common.smk"
COLUMNS = """
import numpy as np
from mesaflow.files import Repeated, read_columns, write_columns
write_columns({path!r}, dict(x=np.arange(3.0), name=Repeated(["a", "b"], [1, 2])))
read_columns({path!r}, ["x"])
"""


def packages_loaded(work: str) -> set[str]:
    """Return the packages that a fresh Python has loaded after some work."""
    command = [sys.executable, "-c", f"import sys\n{work}\nprint(*sys.modules)"]
    return {*subprocess.run(command, cwd=SCRIPTS, check=True, capture_output=True, text=True).stdout.split()}


HEAVY = {"matplotlib", "numba", "pandas", "pymbar", "scipy.spatial", "torch"}
NEEDED = {
    "align_trajectories": set(),
    "assess_round": set(),
    "measure_observables": set(),
    "place_windows": {"scipy.spatial"},
    "run_windows": {"numba"},
    "seed_unbiased": {"numba"},
    "select_encoder": set(),
    "train_autoencoder": set(),
}


@pytest.mark.parametrize("script", NEEDED)
def test_frequent_scripts_load_what_they_need(script):
    assert packages_loaded(f"import {script}") & HEAVY == NEEDED[script]


def test_training_needs_torch_only():
    assert packages_loaded("from mesaflow.learning import train_network") & HEAVY == {"torch"}


def test_snakemake_plans_without_heavy_packages():
    """Every job on a cluster reads the Snakefile too."""
    modules = re.findall(r"^from (mesaflow\.\w+) import", COMMON.read_text(), re.MULTILINE)
    assert "mesaflow.checks" in modules
    assert not packages_loaded("\n".join(f"import {module}" for module in modules)) & HEAVY


def test_columns_are_written_and_read_without_pandas(tmp_path):
    assert "pandas" not in packages_loaded(COLUMNS.format(path=str(tmp_path / "columns.parquet")))

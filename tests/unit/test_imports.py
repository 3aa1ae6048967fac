"""Scripts that a run starts most often do not load packages that take long and that they do not need."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
COLUMNS = """
import numpy as np
from mesaflow.files import read_columns, write_columns
write_columns({path!r}, dict(x=np.arange(3.0)))
read_columns({path!r}, ["x"])
"""


def packages_loaded(work: str) -> set[str]:
    """Return the packages that a fresh Python has loaded after some work."""
    command = [sys.executable, "-c", f"import sys\n{work}\nprint(*sys.modules)"]
    return {*subprocess.run(command, cwd=SCRIPTS, check=True, capture_output=True, text=True).stdout.split()}


@pytest.mark.parametrize(
    "script", ["align_trajectories", "run_windows", "seed_unbiased", "select_encoder", "train_autoencoder"]
)
def test_frequent_scripts_start_without(script):
    assert not packages_loaded(f"import {script}") & {"matplotlib", "pandas", "pymbar", "scipy.spatial", "torch"}


def test_columns_are_written_and_read_without_pandas(tmp_path):
    assert "pandas" not in packages_loaded(COLUMNS.format(path=str(tmp_path / "columns.parquet")))

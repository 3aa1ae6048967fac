"""A Slurm for the tests of this folder."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from one_node import OneNodeSlurm, missing_programs


@pytest.fixture(scope="session")
def slurm() -> Iterator[OneNodeSlurm]:
    """A running Slurm of one node; skip where it is not installed."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="requirements-slurm.txt is not installed")
    missing = missing_programs()
    if missing:
        pytest.skip(f"no Slurm here: {', '.join(missing)} not installed")
    folder = Path(
        tempfile.mkdtemp(prefix="slurm-", dir="/tmp")
    )  # pytest's own folders have names too long for a socket
    try:
        with OneNodeSlurm(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)

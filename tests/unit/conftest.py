"""What unit tests of learning share."""

from collections.abc import Iterator

import mdtraj
import numpy as np
import pytest

from mesaflow.trajectories import load_topology, select_atoms


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let torch use one thread, as a job of the workflow does."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def topology(alanine_pdb) -> mdtraj.Topology:
    """The topology of alanine dipeptide."""
    return load_topology(alanine_pdb)


@pytest.fixture(scope="session")
def backbone() -> str:
    """The selection of the default configuration."""
    return "name CH3 C N CA"


@pytest.fixture(scope="session")
def atoms(topology, backbone) -> np.ndarray:
    """The indices of the backbone atoms of alanine dipeptide."""
    return select_atoms(topology, backbone, "training.atoms")

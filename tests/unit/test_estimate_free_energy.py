"""Which production windows free energies are estimated from."""

import numpy as np
import pytest
from estimate_free_energy import lowest_relaxed_energy
from scipy.sparse import csr_array

from mesaflow.diagnostics import find_unconnected
from mesaflow.encoder import Encoder
from mesaflow.features import Features
from mesaflow.files import write_arrays
from mesaflow.reweighting import Restraints, Weights

WINDOWS = np.array([2, 3, 5, 7])
CHAIN = np.array([[0.6, 0.4, 0, 0], [0.4, 0.5, 0.1, 0], [0, 0.1, 0.6, 0.3], [0, 0, 0.3, 0.7]])


@pytest.fixture
def encoder() -> Encoder:
    """One linear CV that is the distance of two atoms, 0.3 nm in the start structure."""
    reference = np.array([[0.0, 0, 0], [0.3, 0, 0], [0, 0.1, 0]])
    features = Features(False, pairs=np.array([[0, 1]]))
    return Encoder(
        np.arange(3), 1.0, reference[None], False, (np.eye(1),), (np.zeros(1),), "tanh", ("linear",), features
    )


def left_out(encoder: Encoder, overlap: np.ndarray, centers: list[float], apart: list = ()) -> list[int]:
    restraints = Restraints(
        np.array([1, 2, 3, 5, 7]), np.array([0.31, *centers])[:, None], np.ones(5), np.array([np.inf])
    )
    weights = Weights(
        np.arange(0), np.ones(0), np.ones((0, 0)), np.zeros(4), overlap, csr_array((0, 4)), WINDOWS, np.ones(4), None
    )
    return find_unconnected(weights, restraints, list(apart), encoder).tolist()


def test_nothing_is_left_out_of_a_chain(encoder):
    assert left_out(encoder, CHAIN, [0.1, 0.2, 0.3, 0.4]) == []


@pytest.mark.parametrize(("centers", "expected"), [([0.1, 0.2, 0.3, 0.4], [2, 3]), ([0.3, 0.2, 0.5, 0.6], [5, 7])])
def test_windows_across_a_gap_from_the_start_structure_are_left_out(encoder, centers, expected):
    broken = np.where(np.isclose(CHAIN, 0.1), 0.02, CHAIN)
    assert left_out(encoder, broken, centers) == expected


def test_windows_that_overlap_only_in_the_cvs_are_left_out(encoder):
    assert left_out(encoder, CHAIN, [0.1, 0.2, 0.3, 0.4], apart=[(3, 5)]) == [2, 3]


def test_the_lowest_energy_that_left_out_windows_start_from(tmp_path):
    write_arrays(tmp_path / "relaxed.npz", energies=np.array([0.0, 7.0, 3.0, 9.0]))
    rows = [{"window": 2, "start_frame": 3}, {"window": 5, "start_frame": 1}, {"window": 7, "start_frame": 2}]
    assert lowest_relaxed_energy(np.array([2, 5]), rows, tmp_path / "relaxed.npz") == 7.0
    rows.append({"window": 9, "start_frame": 0, "extends": 2})  # starts in a trajectory, not from a relaxed frame
    assert lowest_relaxed_energy(np.array([2, 9]), rows, tmp_path / "relaxed.npz") == 9.0
    assert lowest_relaxed_energy(np.array([], dtype=int), rows, tmp_path / "relaxed.npz") is None

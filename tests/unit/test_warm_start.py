import mdtraj
import numpy as np
import pytest

from mesaflow.internal_coordinates import find_features
from mesaflow.outputs import DihedralsOutput
from mesaflow.training import TrainingSettings, train
from mesaflow.warm_start import choose_dihedrals


def circles(angles: np.ndarray) -> np.ndarray:
    """Cosine and sine of angles [rad] with ``shape=(n_frames, n)``."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(len(angles), -1)


def test_the_most_variable_dihedrals_are_chosen_first():
    rng = np.random.default_rng(0)
    angles = rng.normal(scale=[0.1, 0.9, 0.3], size=(2000, 3))
    assert choose_dihedrals(circles(angles), 3) == [1, 2, 0]


def test_a_dihedral_that_repeats_another_comes_last():
    rng = np.random.default_rng(0)
    free = rng.uniform(-np.pi, np.pi, size=(2000, 1))
    angles = np.hstack([free, free + 0.05 * rng.normal(size=free.shape), 0.6 * rng.normal(size=free.shape)])
    first, second, _ = choose_dihedrals(circles(angles), 3)
    assert {first, second} in ({0, 2}, {1, 2})


def test_constant_dihedrals_are_not_chosen():
    angles = np.column_stack([np.full(100, 0.3), np.linspace(0, 2, 100)])
    assert choose_dihedrals(circles(angles), 2) == [1]


@pytest.mark.parametrize("random_seed", [1, 2, 3])
def test_two_free_dihedrals_become_the_two_cvs(one_thread, alanine_pdb, topology, atoms, random_seed):
    """Frames with φ and ψ anywhere, made by turning the backbone: the network finds the two angles from every seed."""
    features = find_features(topology, atoms, {"inputs": ["dihedrals"], "dihedrals": "bonded", "distances": "all"})
    start = mdtraj.load(alanine_pdb).xyz[0, atoms].astype(float)
    rng = np.random.default_rng(0)
    frames = np.array([turned(start, *rng.uniform(-np.pi, np.pi, size=2)) for _ in range(600)])
    settings = TrainingSettings(
        cv_kinds=("circular", "circular"),
        hidden_layers=[],
        features=features,
        outputs=(DihedralsOutput(features.dihedrals),),
        distance_scale=1.0,
        noise=0.0,
        max_epochs=3,
    )
    result = train(frames, np.arange(600) % 5 == 0, start, atoms, settings, random_seed)
    assert result.fve_validation > 0.95


def turned(positions: np.ndarray, phi: float, psi: float) -> np.ndarray:
    """The backbone CH3 C N CA C N CH3 turned about its bonds N–CA and CA–C."""
    for first, second, angle in ((2, 3, phi), (3, 4, psi)):
        axis = positions[second] - positions[first]
        x, y, z = axis / np.linalg.norm(axis)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        positions = positions.copy()
        positions[second + 1 :] = (positions[second + 1 :] - positions[second]) @ rotation.T + positions[second]
    return positions

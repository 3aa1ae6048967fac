import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mesaflow.alignment import center, check_reference, optimal_rotations, superpose
from mesaflow.errors import InputError


def posed_frames(seed: int, n_frames: int, n_atoms: int, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """A reference, and distorted copies of it in random poses."""
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(n_atoms, 3))
    frames = reference + rng.normal(scale=0.2, size=(n_frames, n_atoms, 3))
    if mirrored:
        frames = frames * [-1, 1, 1]
    return frames @ Rotation.random(n_frames, rng=rng).as_matrix() + rng.normal(size=(n_frames, 1, 3)), reference


def square(frames: np.ndarray) -> np.ndarray:
    return (frames**2).sum(axis=(-2, -1))


@given(st.integers(0, 10_000), st.integers(3, 12), st.booleans())
def test_superposition_agrees_with_scipy(seed, n_atoms, mirrored):
    frames, reference = posed_frames(seed, 4, n_atoms, mirrored)
    centered, target = center(frames), center(reference)
    for frame, superposed in zip(centered, superpose(frames, reference), strict=True):
        rotation, rmsd = Rotation.align_vectors(target, frame)
        np.testing.assert_allclose(superposed, rotation.apply(frame), atol=1e-7)
        assert np.sqrt(square(superposed - target)) == pytest.approx(rmsd, rel=1e-9)


@given(st.integers(0, 10_000), st.integers(3, 12), st.booleans())
def test_rotations_are_proper(seed, n_atoms, mirrored):
    frames, reference = posed_frames(seed, 5, n_atoms, mirrored)
    rotations = optimal_rotations(center(frames), center(reference))
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-12)


@given(st.integers(0, 10_000))
def test_all_frames_at_once_equal_frame_by_frame(seed):
    frames, reference = posed_frames(seed, 7, 6, mirrored=False)
    alone = np.concatenate([superpose(frame[None], reference) for frame in frames])
    np.testing.assert_allclose(superpose(frames, reference), alone, atol=1e-13)


def test_rigid_body_motion_is_undone():
    _, reference = posed_frames(0, 1, 5, mirrored=False)
    moved = reference @ Rotation.from_euler("xyz", [10, 120, -50], degrees=True).as_matrix() + [1, 2, 3]
    np.testing.assert_allclose(superpose(moved[None], reference)[0], reference - reference.mean(axis=0), atol=1e-13)


def test_quarter_turn_by_hand():
    reference = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0]])
    turned = np.array([[0, 1.0, 0], [0, -1, 0], [-2, 0, 0], [2, 0, 0]])
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(optimal_rotations(turned[None], reference)[0], quarter, atol=1e-15)


def test_mirror_image_cannot_be_superposed():
    _, reference = posed_frames(1, 1, 5, mirrored=False)
    mirrored = reference * [-1, 1, 1]
    assert square(superpose(mirrored[None], reference)[0] - center(reference)) > 0.1


def test_single_precision_frames_give_double_precision():
    frames, reference = posed_frames(0, 3, 5, mirrored=False)
    superposed = superpose(frames.astype(np.float32), reference.astype(np.float32))
    assert superposed.dtype == np.float64
    np.testing.assert_allclose(superposed, superpose(frames, reference), atol=1e-5)


def test_center_removes_each_centroid():
    frames = np.arange(24.0).reshape(2, 4, 3) ** 2
    np.testing.assert_allclose(center(frames).mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(center(frames), axis=1), np.diff(frames, axis=1), atol=1e-12)


@pytest.mark.parametrize("n_atoms", [0, 1, 2])
def test_too_few_atoms_are_refused(n_atoms):
    with pytest.raises(InputError, match=f"training.atoms has {n_atoms} atoms; superposition needs at least 3"):
        check_reference(np.eye(3)[:n_atoms], "training.atoms")


def test_atoms_on_a_line_are_refused():
    line = np.linspace(0, 1, 5)[:, None] * [1.0, 2.0, -1.0] + 3.0
    with pytest.raises(InputError, match="training.atoms has all its atoms on one line"):
        check_reference(line, "training.atoms")


def test_planar_atoms_are_accepted():
    check_reference(np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]]), "training.atoms")

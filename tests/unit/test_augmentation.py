import numpy as np
import torch
from scipy import stats

from mesaflow.augmentation import augment, random_rotations

N_ROTATIONS = 20_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(n_frames: int = 50, n_atoms: int = 6) -> torch.Tensor:
    values = torch.randn(n_frames, n_atoms, 3, generator=generator(9), dtype=torch.float64)
    return values - values.mean(dim=1, keepdim=True)


def rotations() -> np.ndarray:
    return random_rotations(N_ROTATIONS, generator(), dtype=torch.float64).numpy()


def distances(conformations: torch.Tensor) -> torch.Tensor:
    return torch.cdist(conformations, conformations, compute_mode="donot_use_mm_for_euclid_dist")


def test_rotations_are_proper():
    matrices = rotations()
    products = matrices @ matrices.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-13)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-13)


def test_rotation_angles_follow_the_uniform_distribution_on_so3():
    traces = np.trace(rotations(), axis1=1, axis2=2)
    angles = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    assert stats.kstest(angles, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.01


def test_rotated_directions_cover_the_sphere_evenly():
    matrices = rotations()
    assert np.abs(matrices.mean(axis=0)).max() < 4 / np.sqrt(3 * N_ROTATIONS)
    for column in range(3):
        for row in range(3):
            assert stats.kstest(matrices[:, row, column], stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_a_fixed_turn_leaves_the_distribution_unchanged():
    matrices = rotations()
    turned = matrices @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert stats.ks_2samp(np.trace(matrices, axis1=1, axis2=2), np.trace(turned, axis1=1, axis2=2)).pvalue > 0.01


def test_rotation_keeps_all_distances():
    original = frames()
    posed = augment(original, True, 0.0, generator())
    torch.testing.assert_close(distances(posed), distances(original), rtol=0, atol=1e-12)
    assert (posed - original).abs().amax(dim=(1, 2)).min() > 0.01


def test_every_frame_gets_its_own_pose():
    same = frames(1).expand(20, -1, -1)
    posed = augment(same, True, 0.0, generator())
    assert len(np.unique(posed[:, 0, 0].numpy())) == 20


def test_noise_has_the_given_standard_deviation():
    original = frames(5000)
    noise = (augment(original, False, 0.03, generator()) - original).numpy().ravel()
    n_values = len(noise)
    assert abs(noise.std() / 0.03 - 1) < 4 / np.sqrt(2 * n_values)
    assert abs(noise.mean()) < 4 * 0.03 / np.sqrt(n_values)
    assert stats.kstest(noise / 0.03, "norm").pvalue > 0.01


def test_nothing_to_do_returns_the_frames_themselves():
    original = frames()
    assert augment(original, False, 0.0, generator()) is original


def test_frames_given_are_not_changed():
    original = frames()
    kept = original.clone()
    augment(original, True, 0.1, generator())
    assert torch.equal(original, kept)


def test_one_augmented_frame_for_each_frame_in_its_precision():
    for dtype in (torch.float32, torch.float64):
        original = frames(12).to(dtype)
        augmented = augment(original, True, 0.1, generator())
        assert augmented.shape == original.shape
        assert augmented.dtype == dtype


def test_the_generator_decides_the_poses():
    original = frames()
    first, again, other = (augment(original, True, 0.1, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)

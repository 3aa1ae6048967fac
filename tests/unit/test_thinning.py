import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from mesaflow.thinning import METHODS, thin


def blobs(sizes: list[int], seed: int = 0) -> np.ndarray:
    """Frames of two atoms in well separated groups of different sizes."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-10, 10, size=(len(sizes), 2, 3))
    return np.concatenate(
        [center + rng.normal(scale=0.05, size=(n, 2, 3)) for center, n in zip(centers, sizes, strict=True)]
    )


@given(n_all=st.integers(1, 60), n_frames=st.integers(1, 60), method=st.sampled_from(METHODS))
def test_frames_are_chosen_once_and_in_order(n_all, n_frames, method):
    frames = np.random.default_rng(n_all).normal(size=(n_all, 2, 3))
    chosen = thin(frames, n_frames, method, 1)
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() >= 0 and chosen.max() < n_all
    assert 1 <= len(chosen) <= min(n_all, n_frames)


def test_even_thinning_keeps_both_ends_and_steps_alike():
    chosen = thin(np.zeros((105, 2, 3)), 30, "even", 1)
    assert len(chosen) == 30
    assert (chosen[0], chosen[-1]) == (0, 104)
    assert np.ptp(np.diff(chosen)) <= 1


def test_k_means_represents_a_small_cluster_beside_a_large_one():
    frames = blobs([3000, 30, 30])
    for seed in range(5):
        chosen = thin(frames, 60, "k_means", seed)
        assert (chosen >= 3000).any()
        assert set(np.searchsorted([3000, 3030], chosen, side="right")) == {0, 1, 2}


def test_k_means_returns_the_frame_nearest_to_the_middle_of_a_cluster():
    """One cluster whose middle is empty: a frame is returned, the one nearest to the middle."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    frames = np.zeros((41, 2, 3))
    frames[:40, 0, 0], frames[:40, 0, 1] = np.cos(angles), np.sin(angles)
    frames[40, 0, 0] = 0.2
    assert thin(frames, 1, "k_means", 1).tolist() == [40]


def test_k_means_covers_more_evenly_than_frames_at_even_intervals():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(5000, 2, 3)) * rng.lognormal(sigma=1.0, size=(5000, 1, 1))
    rows = frames.reshape(5000, -1)

    def mean_squared_distance(method: str) -> float:
        return (cKDTree(rows[thin(frames, 200, method, 1)]).query(rows)[0] ** 2).mean()

    assert mean_squared_distance("k_means") < 0.85 * mean_squared_distance("even")


@pytest.mark.parametrize("method", METHODS)
def test_random_seed_decides(method):
    frames = blobs([300, 200])
    first, again, other = (thin(frames, 50, method, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (method == "even") == np.array_equal(first, other)


def test_equal_frames_make_fewer_clusters():
    chosen = thin(np.repeat(blobs([1, 1, 1]), 10, axis=0), 9, "k_means", 1)
    assert {int(i) // 10 for i in chosen} == {0, 1, 2}

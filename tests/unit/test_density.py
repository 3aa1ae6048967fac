import math

import numpy as np
import pytest

from mesaflow import density

CUTOFF_SQUARED = 40.0
FLOOR = math.exp(-CUTOFF_SQUARED / 2)
PERIODS = np.array([2 * np.pi, 0.0])  # a circular CV and one that is not
WIDTHS = np.array([0.3, 0.2])


def deposit(points: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the kernels in use, as rows of centre, widths, height, and the sum over all pairs that was kept up to date."""
    kernels, n_kernels, pairs = np.zeros((5, len(points) + 1)), 0, 0.0
    for point, height in zip(points, heights, strict=True):
        n_kernels, change = density.add_kernel(kernels, n_kernels, PERIODS, CUTOFF_SQUARED, point, WIDTHS, height)
        pairs += change
    return kernels[:, :n_kernels], pairs


def value(kernel: np.ndarray, point: np.ndarray) -> float:
    """A kernel at a point, by hand."""
    offset = point - kernel[:2]
    offset[0] = (offset[0] + np.pi) % (2 * np.pi) - np.pi
    squared = ((offset * kernel[2:4]) ** 2).sum()
    return kernel[4] * (math.exp(-squared / 2) - FLOOR) if squared < CUTOFF_SQUARED else 0.0


def total_at(kernels: np.ndarray, point: np.ndarray) -> tuple[float, np.ndarray]:
    slopes = np.empty(2)
    return density.sum_kernels(kernels, kernels.shape[1], PERIODS, CUTOFF_SQUARED, point, slopes), slopes


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(-np.pi, np.pi, 150), rng.normal(size=150)])


@pytest.fixture
def kernels(points) -> np.ndarray:
    return deposit(points, np.linspace(0.1, 1, len(points)))[0]


def test_one_kernel_by_hand_through_the_end_of_the_circle():
    kernels, pairs = deposit(np.array([[3.0, 0.5]]), np.array([2.0]))
    np.testing.assert_allclose(kernels[:, 0], [3.0, 0.5, 1 / 0.3, 1 / 0.2, 2.0])
    assert pairs == pytest.approx(2 * (1 - FLOOR))
    across = 2 * np.pi - 6.0
    expected = 2 * math.exp(-((across / 0.3) ** 2) / 2)
    total, slopes = total_at(kernels, np.array([-3.0, 0.5]))
    assert total == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(slopes, [-expected * across / 0.09, 0.0], rtol=1e-10)
    assert total_at(kernels, np.array([3.0, 0.5 + 0.2 * 6.4]))[0] == 0.0  # beyond the cutoff of 6.3 widths


def test_the_sum_is_that_of_all_kernels(kernels, points):
    assert 20 < kernels.shape[1] < len(points)
    expected = [sum(value(kernel, point) for kernel in kernels.T) for point in points]
    np.testing.assert_allclose([total_at(kernels, point)[0] for point in points], expected, rtol=1e-12)
    together = density.sum_kernels_at(kernels, kernels.shape[1], PERIODS, CUTOFF_SQUARED, points)
    np.testing.assert_array_equal(together, [total_at(kernels, point)[0] for point in points])


def test_slopes_are_those_of_the_sum(kernels, points):
    for point in points[:20]:
        slopes = total_at(kernels, point)[1]
        for i, step in enumerate(1e-6 * np.eye(2)):
            difference = (total_at(kernels, point + step)[0] - total_at(kernels, point - step)[0]) / 2e-6
            assert slopes[i] == pytest.approx(difference, abs=1e-6)


def test_the_sum_over_pairs_is_kept_up_to_date(points):
    kernels, pairs = deposit(points, np.geomspace(1e-6, 1, len(points)))
    expected = sum(value(kernel, center) for kernel in kernels.T for center in kernels[:2].T)
    assert pairs == pytest.approx(expected, rel=1e-9)


def test_merging_keeps_mass_mean_and_variance():
    (first, second), heights = np.array([[3.1, 0.0], [-3.1, 0.1]]), np.array([1.0, 3.0])
    (kernel,) = deposit(np.array([first, second]), heights)[0].T
    widths = 1 / kernel[2:4]
    across = 2 * np.pi - 6.2
    np.testing.assert_allclose(kernel[:2], [3.1 + 0.75 * across - 2 * np.pi, 0.075])
    np.testing.assert_allclose(widths**2, WIDTHS**2 + 0.25 * 0.75 * np.array([across, 0.1]) ** 2)
    assert kernel[4] * widths.prod() == pytest.approx(4 * WIDTHS.prod())


def test_no_two_kernels_are_left_within_a_width_of_each_other(points):
    kernels, _ = deposit(np.concatenate([points] * 10), np.ones(1500))
    newest = kernels[:, -1]
    distances = kernels[:2, :-1] - newest[:2, None]
    distances[0] = (distances[0] + np.pi) % (2 * np.pi) - np.pi
    assert ((distances * kernels[2:4, :-1]) ** 2).sum(axis=0).min() >= 1
    assert kernels.shape[1] < 300

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow.agreement import (
    FRAMES_PER_COORDINATE,
    LEAST_CORRELATION,
    canonical_correlations,
    compare_latents,
    latent_coordinates,
)

N = 400


def normal(seed: int, n_columns: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, n_columns))


@given(seed=st.integers(0, 1000), n_columns=st.integers(1, 5))
def test_an_affine_map_of_a_latent_is_the_same_latent(seed, n_columns):
    latent = normal(seed, n_columns)
    matrix = normal(seed + 1, n_columns)[:n_columns] + 3 * np.eye(n_columns)
    correlations = canonical_correlations(latent, latent @ matrix + 5.0)
    np.testing.assert_allclose(correlations, np.ones(n_columns), atol=1e-8)


@given(seed=st.integers(0, 1000))
def test_invertible_maps_change_nothing(seed):
    first, second = normal(seed, 3), normal(seed + 1, 2)
    second[:, 0] += first[:, 1]
    before = canonical_correlations(first, second)
    matrix = np.diag([1e-3, 1.0, 1e3]) + 0.1
    after = canonical_correlations(first @ matrix - 7.0, second[:, ::-1] * [2.0, -50.0])
    np.testing.assert_allclose(after, before, atol=1e-7)


def test_the_correlation_of_two_single_variables_is_pearsons():
    x, y = normal(0, 1), normal(1, 1)
    y += 0.7 * x
    assert canonical_correlations(x, y)[0] == pytest.approx(abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]))


def test_independent_latents_do_not_correlate():
    assert canonical_correlations(normal(0, 2), normal(1, 2)).max() < 4 / np.sqrt(N)


def test_one_direction_in_common_is_one_correlation_of_one():
    first, second = normal(0, 2), normal(1, 2)
    second[:, 0] = first.sum(axis=1)
    largest, smallest = canonical_correlations(first, second)
    assert largest == pytest.approx(1)
    assert smallest < 0.2


def test_directions_that_do_not_vary_do_not_count():
    latent = normal(0, 2)
    constant = np.column_stack([latent, np.full(N, 3.0), latent[:, 0]])
    np.testing.assert_allclose(canonical_correlations(latent, constant), [1, 1])
    assert len(canonical_correlations(latent, np.ones((N, 1)))) == 0


def test_circular_cvs_agree_whatever_their_origin_and_sense():
    angle = np.random.default_rng(0).uniform(-np.pi, np.pi, size=N)
    turned = np.mod(2.0 - angle, 2 * np.pi)
    periods = np.array([2 * np.pi])
    first, second = (latent_coordinates(values[:, None], periods) for values in (angle, turned))
    assert first.shape == (N, 2)
    np.testing.assert_allclose(canonical_correlations(first, second), [1, 1])


def test_latents_of_both_kinds_have_their_columns_in_order():
    cvs = np.array([[0.3, 1.2], [0.4, -2.0]])
    expected = np.column_stack([cvs[:, 0], np.cos(cvs[:, 1]), np.sin(cvs[:, 1])])
    np.testing.assert_allclose(latent_coordinates(cvs, np.array([np.inf, 2 * np.pi])), expected)


def test_an_ensemble_is_as_good_as_its_worst_pair():
    latent = normal(0, 2)
    same = compare_latents([latent, latent * 2, latent[:, ::-1]])
    assert same.mean == pytest.approx(1) and same.is_sufficient is True
    other = compare_latents([latent, latent * 2, np.column_stack([latent[:, 0], normal(1, 1)])])
    assert other.smallest < 0.3 < other.mean < 1
    assert other.is_sufficient is False
    dead = compare_latents([latent, np.ones((N, 2))])
    assert (dead.mean, dead.smallest, dead.is_sufficient) == (0.0, 0.0, False)
    assert 0.5 < LEAST_CORRELATION < 1


@pytest.mark.parametrize("n_columns", [1, 2, 5])
def test_chance_does_not_correlate_as_many_frames_as_are_asked_for(n_columns):
    fewest = FRAMES_PER_COORDINATE * 2 * n_columns
    pairs = [(normal(seed, n_columns)[:fewest], normal(1000 + seed, n_columns)[:fewest]) for seed in range(100)]
    assert np.mean([compare_latents([*pair]).mean for pair in pairs]) < 0.25
    assert not any(compare_latents([*pair]).is_sufficient for pair in pairs)


def test_few_frames_correlate_by_chance_and_are_not_compared():
    first, second = normal(0, 4)[:5], normal(1, 4)[:5]
    np.testing.assert_allclose(canonical_correlations(first, second), 1.0)
    assert compare_latents([first, second]).is_sufficient is None


def test_one_network_cannot_be_compared():
    alone = compare_latents([normal(0, 2)])
    assert (alone.mean, alone.smallest, alone.is_sufficient) == (None, None, None)

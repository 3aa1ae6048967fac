"""Against pymbar see test_reweighting; here what pymbar does not have."""

import numpy as np
import pytest

from mesaflow.mbar import MBAREquations, laplacian

OWNERS = np.repeat(np.arange(8), 50)
"""The windows of the samples of eight windows with 50 each."""


def chain(n_windows: int, n_samples: int, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Reduced potentials of a chain of harmonic windows with a gap in its middle, and N_k."""
    rng = np.random.default_rng(0)
    centers = np.arange(n_windows) + gap * (np.arange(n_windows) >= n_windows // 2)
    x = (centers[:, None] + rng.normal(scale=0.7, size=(n_windows, n_samples))).ravel()
    return (x - centers[:, None]) ** 2, np.full(n_windows, n_samples)


def test_samples_may_come_in_parts():
    u_kn, n_k = chain(8, 50)
    everything = np.ones(400)
    whole = MBAREquations([u_kn], OWNERS).solve(n_k, everything, np.zeros(8))
    parts = MBAREquations(np.split(u_kn, 5, axis=1), OWNERS).solve(n_k, everything, np.zeros(8))
    np.testing.assert_allclose(parts, whole, atol=1e-12)


@pytest.mark.parametrize("distance", [20, 300])
def test_the_solution_does_not_depend_on_the_start(distance):
    u_kn, n_k = chain(8, 50)
    equations, everything = MBAREquations([u_kn], OWNERS), np.ones(400)
    far = np.random.default_rng(1).normal(scale=distance, size=8)
    np.testing.assert_allclose(
        equations.solve(n_k, everything, far), equations.solve(n_k, everything, np.zeros(8)), atol=1e-8
    )


def test_resampling_solves_the_same_equations():
    u_kn, n_k = chain(8, 50)
    equations, everything = MBAREquations([u_kn], OWNERS), np.ones(400)
    f_k = equations.solve(n_k, everything, np.zeros(8))
    factorised = equations.factorise(f_k, n_k, everything)
    counts = np.concatenate([np.random.default_rng(2).multinomial(50, np.full(50, 1 / 50)) for _ in range(8)])
    resampled = equations.resample(f_k, n_k, counts.astype(float), factorised)
    assert np.abs(resampled - f_k).max() > 0.01
    np.testing.assert_allclose(resampled - resampled[0], equations.solve(n_k, counts, f_k), atol=1e-3)


@pytest.mark.parametrize("gap", [5.0, 30.0])
def test_windows_without_overlap_come_to_an_end(gap):
    u_kn, n_k = chain(8, 50, gap)
    equations, everything = MBAREquations([u_kn], OWNERS), np.ones(400)
    f_k = equations.solve(n_k, everything, np.zeros(8))
    assert np.isfinite(f_k).all()
    shared = equations.shared_samples(f_k, n_k, everything)
    assert shared[:4, 4:].sum() < 1
    np.testing.assert_allclose(shared.sum(axis=1), n_k, rtol=1e-4)


def test_laplacian_by_hand():
    shared = np.array([[5.0, 2.0, 0.0], [2.0, 4.0, 1.0], [0.0, 1.0, 7.0]])
    np.testing.assert_array_equal(laplacian(shared), [[2, -2, 0], [-2, 3, -1], [0, -1, 1]])


@pytest.mark.parametrize("lost", [0, 4, 7])
def test_a_window_far_from_all_its_samples_does_not_spoil_the_others(lost):
    """No other samples have a factor in it, so that it takes its own ones along."""
    u_kn, n_k = chain(8, 50)
    u_kn[lost] += 200.0
    f_k = MBAREquations([u_kn], OWNERS).solve(n_k, np.ones(400), np.zeros(8))
    others, kept = np.arange(8) != lost, lost != OWNERS
    owners = np.repeat(np.arange(7), 50)
    alone = MBAREquations([u_kn[np.ix_(others, kept)]], owners).solve(n_k[others], np.ones(350), np.zeros(7))
    assert np.isfinite(f_k).all()
    np.testing.assert_allclose(f_k[others] - f_k[others][0], alone, atol=1e-3)

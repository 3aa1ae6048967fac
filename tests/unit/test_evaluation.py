import numpy as np
import pytest

from mesaflow.evaluation import pose_variance_fraction, variance_fraction_within


def test_pose_variance_of_a_cv_that_is_all_pose(random_encoder):
    encoder = random_encoder(superposes=False, cv_kinds=("linear", "circular"))
    one_conformation = np.repeat(encoder.references, 30, axis=0)
    fractions = pose_variance_fraction(encoder, one_conformation, 1)
    np.testing.assert_allclose(fractions, 1, atol=0.05)


def test_pose_variance_of_an_invariant_cv(random_encoder):
    encoder = random_encoder(cv_kinds=("linear", "circular", "tanh"))
    frames = encoder.references[0] + np.random.default_rng(0).normal(scale=0.05, size=(30, 5, 3))
    assert max(pose_variance_fraction(encoder, frames, 1)) < 1e-20


def test_variance_within_groups_of_known_variances():
    rng = np.random.default_rng(0)
    between, within = rng.normal(scale=3, size=(4000, 1, 1)), rng.normal(scale=1, size=(4000, 50, 1))
    assert variance_fraction_within(between + within, np.array([np.inf])) == pytest.approx([0.1], rel=0.05)


def test_variance_within_groups_of_a_circular_cv_does_not_see_the_cut():
    angles = np.array([[[np.pi - 0.01], [-np.pi + 0.01]], [[0.01], [-0.01]]])
    assert variance_fraction_within(angles, np.array([2 * np.pi]))[0] < 1e-3
    assert variance_fraction_within(angles, np.array([np.inf]))[0] > 0.9

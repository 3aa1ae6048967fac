import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow import illustration
from mesaflow.illustration import (
    School,
    fish_outlines,
    reference_fish,
    score_outline_network,
    superpose_outlines,
    train_outline_network,
    turn,
)

pytestmark = pytest.mark.usefixtures("one_thread")

bends = st.floats(-illustration.LARGEST_BEND, illustration.LARGEST_BEND)
girths = st.floats(*illustration.GIRTHS)
angles = st.floats(-np.pi, np.pi)


@pytest.fixture(scope="module")
def plain():
    return train_outline_network(superposes=False, random_seed=1, n_steps=300)


@pytest.fixture(scope="module")
def augmented():
    return train_outline_network(superposes=True, random_seed=1, n_steps=1000)


def test_a_straight_fish_is_as_long_as_its_unit_and_symmetric_in_nothing():
    fish = reference_fish()
    assert np.ptp(fish.real) == pytest.approx(1, abs=0.02)
    assert fish.mean() == pytest.approx(0, abs=1e-12)
    assert np.abs(np.subtract.outer(fish, fish.conj())).min(axis=1).max() > 0.05  # from its mirror image


def test_the_bend_is_the_angle_by_which_the_tail_turns():
    bend = 0.5
    straight, bent = (fish_outlines(np.array([angle]), np.ones(1))[0] for angle in (0, bend))
    eye_to_nose = np.angle((bent[0] - bent[-1]) / (straight[0] - straight[-1]))
    assert eye_to_nose == pytest.approx(0, abs=1e-9)
    fork = np.argsort(straight.real)[-2:]  # the tips of the tail
    assert np.angle(np.diff(bent[fork]) / np.diff(straight[fork]))[0] == pytest.approx(
        bend, rel=0.1
    )  # they lie not quite at the end of the spine


def test_the_girth_is_the_height():
    heights = [np.ptp(fish.imag) for fish in fish_outlines(np.zeros(2), np.array([0.5, 1.5]))]
    assert heights[1] / heights[0] == pytest.approx(3)


@given(bends, girths, angles)
def test_superposition_does_not_depend_on_the_pose(bend, girth, angle):
    fish = fish_outlines(np.array([bend]), np.array([girth]))
    np.testing.assert_allclose(superpose_outlines(turn(fish, [angle])), superpose_outlines(fish), atol=1e-12)


@given(bends, girths, angles)
def test_superposition_is_the_nearest_pose_to_the_reference(bend, girth, angle):
    superposed = superpose_outlines(fish_outlines(np.array([bend]), np.array([girth])))
    best, other = (np.sum(np.abs(fish - reference_fish()) ** 2) for fish in (superposed, turn(superposed, [angle])))
    assert best <= other + 1e-12


def test_a_school_turns_superposed_fish():
    school = School(np.array([0.3, 0.3]), np.array([1.2, 1.2]), np.array([0.0, np.pi / 2]))
    np.testing.assert_allclose(school.outlines[0], school.superposed[0])
    np.testing.assert_allclose(school.outlines[1], 1j * school.superposed[0])


def test_the_plain_autoencoder_encodes_the_pose_and_the_augmented_one_the_shape(plain, augmented):
    scores = {"plain": score_outline_network(plain, 2), "augmented": score_outline_network(augmented, 2)}
    assert min(scores["plain"].pose_variance_fraction) > 0.9
    assert max(scores["augmented"].pose_variance_fraction) < 0.01
    assert scores["plain"].fve > 0.9
    assert scores["plain"].fve_shape < 0.6
    assert scores["augmented"].fve_shape > 0.9
    assert scores["augmented"].fve == pytest.approx(scores["augmented"].fve_shape, abs=0.02)


def test_only_the_augmented_autoencoder_returns_one_outline_for_all_poses(plain, augmented):
    shape = School(np.full(12, 0.7), np.full(12, 1.3), np.linspace(0, 2 * np.pi, 12, endpoint=False))
    returned = [network.apply(shape.outlines) for network in (plain, augmented)]
    spreads = [np.abs(outlines - outlines.mean(axis=0)).mean() for outlines in returned]
    assert spreads[1] < 0.1 * spreads[0]


def test_scores_by_name(plain):
    scores = score_outline_network(plain, 2)
    first, second = scores.pose_variance_fraction
    expected = {"pose_variance_fraction_1": first, "pose_variance_fraction_2": second}
    assert scores.summary() == expected | {"fve": scores.fve, "fve_shape": scores.fve_shape}


def test_cvs_are_white_over_conformations_and_poses(augmented):
    cvs = augmented.evaluate(School.random(3000, np.random.default_rng(5)).outlines)
    np.testing.assert_allclose(cvs.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(np.cov(cvs, rowvar=False), np.eye(2), atol=0.15)


def test_random_seed_decides_the_network():
    first, again, other = (
        train_outline_network(superposes=True, random_seed=seed, n_steps=2).evaluate(reference_fish()[None])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow.alignment import superpose
from mesaflow.dataset import (
    TRAINING,
    UNUSED,
    VALIDATION,
    TrainingSet,
    assign_roles,
    extend_training_set,
    unbiasing_weights,
)
from mesaflow.errors import InputError
from mesaflow.units import thermal_energy

REFERENCE = np.array([[0, 0, 0], [0.15, 0, 0], [0.2, 0.14, 0], [0.3, 0.2, 0.1]])
ATOMS = np.array([1, 3, 4, 8])


def trajectory(seed: int, n_frames: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (REFERENCE + rng.normal(scale=0.02, size=(n_frames, 4, 3)) + rng.normal(size=(n_frames, 1, 3))).astype(
        np.float32
    )


def extend(training_set: TrainingSet, trajectories: dict, random_seed: int = 1) -> TrainingSet:
    return extend_training_set(training_set, trajectories, 0.2, 10, random_seed)


@pytest.fixture
def empty() -> TrainingSet:
    return TrainingSet.empty(ATOMS, REFERENCE)


@pytest.fixture
def two_trajectories(empty) -> TrainingSet:
    return extend(empty, {"a.dcd": trajectory(0), "b.dcd": trajectory(1, 45)})


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def test_frames_are_superposed_on_the_reference(two_trajectories):
    expected = superpose(trajectory(0), REFERENCE)
    np.testing.assert_allclose(two_trajectories.frames[:60], expected, atol=1e-6)
    np.testing.assert_allclose(two_trajectories.reference, REFERENCE - REFERENCE.mean(axis=0))
    assert two_trajectories.frames.dtype == np.float32


def test_every_frame_remembers_its_source(two_trajectories):
    assert two_trajectories.n_frames == 105
    assert two_trajectories.source(0) == ("a.dcd", 0)
    assert two_trajectories.source(59) == ("a.dcd", 59)
    assert two_trajectories.source(60) == ("b.dcd", 0)
    assert two_trajectories.source(104) == ("b.dcd", 44)
    chosen = [104, 3, 60]
    np.testing.assert_array_equal(two_trajectories.find([two_trajectories.source(i) for i in chosen]), chosen)


@given(
    n_frames=st.integers(2, 200),
    fraction=st.floats(0.01, 0.89),
    block_frames=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_validation_blocks_are_whole_and_stand_apart(n_frames, fraction, block_frames, seed):
    roles = assign_roles(n_frames, fraction, block_frames, np.random.default_rng(seed))
    n_blocks = max(1, n_frames // block_frames)
    for start, stop in runs(roles == VALIDATION):
        assert start % block_frames == 0
        assert stop % block_frames == 0 or stop == n_frames
    starts = [start for start in range(0, n_blocks * block_frames, block_frames) if start < n_frames]
    n_validation = sum(roles[start] == VALIDATION for start in starts)
    assert n_validation == min(max(1, round(n_blocks * fraction)), n_blocks - 1)
    validation, training = np.flatnonzero(roles == VALIDATION), np.flatnonzero(roles == TRAINING)
    if len(validation) and len(training):
        assert np.abs(validation[:, None] - training).min() >= 2
    unused = np.flatnonzero(roles == UNUSED)
    assert all(np.abs(validation - frame).min() == 1 for frame in unused)


def test_a_trajectory_of_one_block_has_no_validation_frame():
    assert (assign_roles(19, 0.5, 10, np.random.default_rng(0)) == TRAINING).all()


def test_no_neighbour_of_a_validation_frame_is_trained_on(two_trajectories):
    for number in range(2):
        rows = two_trajectories.trajectory == number
        frame, role = two_trajectories.frame[rows], two_trajectories.role[rows]
        validation, training = frame[role == VALIDATION], frame[role == TRAINING]
        assert len(validation) == 10
        assert np.abs(validation[:, None] - training).min() == 2


def test_extension_keeps_what_was_there(two_trajectories):
    extended = extend(two_trajectories, {"c.dcd": trajectory(2)}, random_seed=99)
    n_frames = two_trajectories.n_frames
    assert extended.n_new == 60
    assert extended.paths == ("a.dcd", "b.dcd", "c.dcd")
    assert extended.source(n_frames) == ("c.dcd", 0)
    for name in ("role", "trajectory", "frame"):
        np.testing.assert_array_equal(getattr(extended, name)[:n_frames], getattr(two_trajectories, name))
    np.testing.assert_array_equal(extended.frames[:n_frames], two_trajectories.frames)


def test_random_seed_decides_the_validation_blocks(empty):
    first, again, other = (extend(empty, {"a": trajectory(0, 400)}, seed).role for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_trajectory_given_twice_counts_once(two_trajectories):
    again = extend(two_trajectories, {"copy of a.dcd": trajectory(0)})
    assert again.n_new == 0
    np.testing.assert_array_equal(again.frames, two_trajectories.frames)
    np.testing.assert_array_equal(again.role, two_trajectories.role)


def test_only_new_frames_of_a_longer_copy_are_added(empty):
    whole = trajectory(0)
    extended = extend(extend(empty, {"short.dcd": whole[:50]}), {"long.dcd": whole})
    assert extended.n_new == 10
    assert [extended.source(i) for i in range(50, 60)] == [("long.dcd", i) for i in range(50, 60)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_refused(empty, value):
    broken = trajectory(0)
    broken[17, 2, 1] = value
    with pytest.raises(InputError, match="bad.dcd holds coordinates that are not finite"):
        extend(empty, {"good.dcd": trajectory(1), "bad.dcd": broken})


def test_a_reference_on_a_line_is_refused():
    with pytest.raises(InputError, match="on one line"):
        TrainingSet.empty(ATOMS, np.linspace(0, 1, 4)[:, None] * np.ones(3))


def test_selection_leaves_out_unused_frames(two_trajectories):
    role = two_trajectories.role
    np.testing.assert_array_equal(two_trajectories.select(1000, "even", 1).selected, np.flatnonzero(role != UNUSED))
    assert (role == UNUSED).sum() > 0


@pytest.mark.parametrize("thinning", ["even", "k_means"])
def test_selection_thins_the_frames_that_are_used(two_trajectories, thinning):
    chosen = two_trajectories.select(30, thinning, 1).selected
    assert 25 <= len(chosen) <= 30
    assert (np.diff(chosen) > 0).all()
    assert (two_trajectories.role[chosen] != UNUSED).all()


def test_frames_weigh_alike_unless_they_come_with_weights(empty):
    weights = np.linspace(0.5, 2, 60)
    extended = extend_training_set(
        empty, {"a.dcd": trajectory(0), "b.dcd": trajectory(1)}, 0.2, 10, 1, {"b.dcd": weights}
    )
    np.testing.assert_array_equal(extended.weight[:60], 1)
    np.testing.assert_array_equal(extended.weight[60:], weights.astype(np.float32))


def test_unbiasing_weights_are_boltzmann_factors_within_a_window():
    energy = thermal_energy(300)
    bias = energy * np.log([1, 2, 3, 10, 20, 30])
    weights = unbiasing_weights(bias, np.array([0, 0, 0, 7, 7, 7]), 300)
    np.testing.assert_allclose(weights, [0.5, 1, 1.5, 0.5, 1, 1.5])


def test_unbiasing_weights_recover_the_mean_of_the_unbiased_ensemble():
    """Gaussian samples under ½ k x² + ½ κ (x − 1)², reweighted to the mean 0 of ½ k x²."""
    rng, energy, k, kappa = np.random.default_rng(0), thermal_energy(300), 10.0, 2.0
    x = rng.normal(kappa / (k + kappa), np.sqrt(energy / (k + kappa)), size=20_000)
    weights = unbiasing_weights(kappa / 2 * (x - 1) ** 2, np.zeros(len(x)), 300)
    assert abs(x.mean()) > 0.15
    assert abs(np.average(x, weights=weights)) < 0.02


def test_unbiasing_weights_are_truncated():
    bias = np.zeros(100)
    bias[3] = 1000.0
    weights = unbiasing_weights(bias, np.zeros(100), 300)
    assert weights.mean() == pytest.approx(1)
    assert weights.argmax() == 3 and np.isfinite(weights).all()


def test_saving_keeps_everything(two_trajectories, tmp_path):
    two_trajectories = two_trajectories.select(50, "even", 1)
    two_trajectories.save(tmp_path / "set.npz")
    loaded = TrainingSet.load(tmp_path / "set.npz")
    assert loaded.paths == two_trajectories.paths
    assert loaded.n_new == two_trajectories.n_new == 105
    for name in ("atoms", "reference", "frames", "weight", "role", "trajectory", "frame", "selected"):
        before, after = getattr(two_trajectories, name), getattr(loaded, name)
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)

import numpy as np
import pytest

from mesaflow import exploration
from mesaflow.exploration import Batch, run_batch
from mesaflow.randomness import derive_seed
from mesaflow.simulation import Dynamics, Schedule, SimulationFailure, simulate

COLD = Dynamics(temperature=20.0, friction=1.0, timestep=0.002, platform="Reference")
SCHEDULE = Schedule(n_frames=4, steps_per_frame=50, frames_per_block=2, ramp_steps=60)


def row(window: int, **values) -> dict:
    return {"window": window, "center_1": 0.5, "center_2": -0.5, "force_constant": 16.0, "random_seed": 7} | values


@pytest.fixture
def run(argon, argon_encoder, tetrahedron, tmp_path):
    def run_windows(rows: list[dict], starts: list[np.ndarray] | None = None, **options) -> Batch:
        return run_batch(
            argon,
            argon_encoder,
            rows,
            starts or [tetrahedron] * len(rows),
            COLD,
            SCHEDULE,
            max_attempts=3,
            restart_folder=lambda window, key: tmp_path / f"{window}-{key}",
            **options,
        )

    return run_windows


def cvs_of(batch: Batch) -> np.ndarray:
    return np.stack([batch.samples["cv_1"], batch.samples["cv_2"]], axis=1)


def failing(n_failures: int):
    """Return a simulate that fails the first times it is called."""
    calls = []

    def fail_first(*arguments, **options):
        calls.append(arguments)
        if len(calls) <= n_failures:
            raise SimulationFailure(f"failure {len(calls)}")
        return simulate(*arguments, **options)

    return fail_first


def test_samples_follow_the_frames_of_all_windows(run, argon_encoder):
    batch = run([row(3), row(4, center_1=-0.5)])
    assert batch.positions.shape == (8, 4, 3)
    assert list(batch.samples) == ["window", "time_ps", "cv_1", "cv_2", "bias_kJ_per_mol"]
    assert batch.samples["window"].tolist() == [3] * 4 + [4] * 4
    np.testing.assert_allclose(batch.samples["time_ps"], [0.1, 0.2, 0.3, 0.4] * 2)
    cvs = cvs_of(batch)
    np.testing.assert_allclose(cvs, argon_encoder.evaluate(batch.positions), atol=1e-6)
    centers = np.array([[0.5, -0.5]] * 4 + [[-0.5, -0.5]] * 4)
    np.testing.assert_allclose(batch.samples["bias_kJ_per_mol"], 8 * ((cvs - centers) ** 2).sum(axis=1), rtol=1e-10)


def test_finished_window_has_a_status(run):
    (status,) = run([row(3)]).statuses
    assert status == {
        "window": 3,
        "outcome": "finished",
        "force_constant": 16.0,
        "random_seed": 7,
        "failures": [],
        "n_attempts": 1,
        "length_ps": 0.4,
    }


def test_failed_window_is_tried_again_with_half_the_force_constant_and_another_seed(run, monkeypatch):
    monkeypatch.setattr(exploration, "simulate", failing(2))
    batch = run([row(3)])
    second_seed, third_seed = (derive_seed(7, "attempt", attempt) for attempt in (1, 2))
    (status,) = batch.statuses
    assert status["outcome"] == "finished"
    assert (status["force_constant"], status["random_seed"], status["n_attempts"]) == (4.0, third_seed, 3)
    assert status["failures"] == [
        {"force_constant": 16.0, "random_seed": 7, "error": "failure 1"},
        {"force_constant": 8.0, "random_seed": second_seed, "error": "failure 2"},
    ]
    squared = (cvs_of(batch) - [0.5, -0.5]) ** 2
    np.testing.assert_allclose(batch.samples["bias_kJ_per_mol"], 2 * squared.sum(axis=1), rtol=1e-10)


def test_window_that_always_fails_neither_ends_nor_poisons_the_batch(run, tetrahedron):
    batch = run([row(0), row(1), row(2)], [tetrahedron, tetrahedron * 1e-3, tetrahedron])
    assert [status["outcome"] for status in batch.statuses] == ["finished", "failed", "finished"]
    assert batch.samples["window"].tolist() == [0] * 4 + [2] * 4
    assert np.isfinite(batch.positions).all() and len(batch.positions) == 8
    failed = batch.statuses[1]
    assert (failed["n_attempts"], failed["force_constant"], failed["random_seed"]) == (3, None, None)
    assert [failure["force_constant"] for failure in failed["failures"]] == [16, 8, 4]
    assert len({failure["random_seed"] for failure in failed["failures"]}) == 3


def test_batch_in_which_every_window_fails_is_empty(run, tetrahedron):
    batch = run([row(1)], [tetrahedron * 1e-3])
    assert batch.positions.shape == (0, 4, 3)
    assert {len(values) for values in batch.samples.values()} == {0}
    assert list(batch.samples) == ["window", "time_ps", "cv_1", "cv_2", "bias_kJ_per_mol"]


def test_empty_batch_has_the_types_of_a_full_one(run, tetrahedron):
    full, empty = run([row(1)]), run([row(1)], [tetrahedron * 1e-3])
    assert [v.dtype for v in empty.samples.values()] == [v.dtype for v in full.samples.values()]
    assert empty.positions.dtype == full.positions.dtype == np.float32


def test_window_does_not_depend_on_the_batch_it_is_in(run):
    together, alone = run([row(0), row(1, center_1=1.0)]), run([row(1, center_1=1.0)])
    assert together.positions[4:].tobytes() == alone.positions.tobytes()


def test_interrupted_batch_ends_in_the_same_bits(run, tmp_path):
    calls = []

    def interrupt(n_steps):
        calls.append(n_steps)
        if len(calls) == 3:
            raise KeyboardInterrupt

    rows = [row(0), row(1, random_seed=8)]
    with pytest.raises(KeyboardInterrupt):
        run(rows, on_steps=interrupt)
    resumed = run(rows)
    resumed.remove_restart_files()
    assert list(tmp_path.iterdir()) == []
    whole = run(rows)
    assert resumed.positions.tobytes() == whole.positions.tobytes()
    np.testing.assert_equal(resumed.samples, whole.samples)


def test_restart_files_of_every_attempt_are_removed(run, tmp_path, monkeypatch):
    def finish_once_then_fail(*arguments, **options):
        simulate(*arguments, **options)
        raise SimulationFailure("late")

    monkeypatch.setattr(exploration, "simulate", finish_once_then_fail)
    batch = run([row(0)])
    assert len(list(tmp_path.iterdir())) == 3
    batch.remove_restart_files()
    assert list(tmp_path.iterdir()) == []


def test_steps_are_reported(run):
    steps = []
    run([row(0), row(1)], on_steps=steps.append)
    assert sum(steps) == 2 * 200

"""Restraints from an energy budget, and windows spread for overlap."""

import numpy as np
import pytest

from mesaflow.boundary import Boundary
from mesaflow.errors import InputError
from mesaflow.units import thermal_energy
from mesaflow.windows import bridge_gaps, place_boundary_windows, place_overlapping_windows

NOT_PERIODIC = np.array([np.inf, np.inf])


def test_every_window_starts_with_the_energy_budget():
    cvs = np.random.default_rng(1).normal(size=(100, 2)) * [1.0, 5.0]
    boundary = Boundary(np.array([3, 9]), np.array([[1.0, 0.0], [0.6, 0.8]]))
    windows = place_boundary_windows(cvs, NOT_PERIODIC, boundary, energy_budget=80.0, reach=1.5)
    for window, frame, direction in zip(windows, boundary.frames, boundary.directions, strict=True):
        step = window.center - cvs[frame]
        assert window.start_frame == frame
        assert step == pytest.approx(1.5 * direction * cvs.std(axis=0))
        assert 0.5 * window.force_constant * step @ step == pytest.approx(80.0)


def test_a_given_force_constant_takes_the_place_of_the_budget():
    cvs = np.random.default_rng(1).normal(size=(100, 2))
    boundary = Boundary(np.array([3, 9]), np.array([[1.0, 0.0], [0.6, 0.8]]))
    windows = place_boundary_windows(cvs, NOT_PERIODIC, boundary, 80.0, 1.5, force_constant=3000.0)
    assert [window.force_constant for window in windows] == [3000.0, 3000.0]


def distances_between(points, others):
    return np.linalg.norm(points[:, None] - others, axis=2)


def spacing_of(windows, thermal_energy):
    return 1.5 * np.sqrt(thermal_energy / windows[0].force_constant)


def test_overlapping_windows_cover_all_frames_at_a_regular_spacing():
    cvs = np.random.default_rng(2).uniform(-2, 2, (5000, 2))
    windows = place_overlapping_windows(cvs, NOT_PERIODIC, 60, 1.5, thermal_energy(300.0), np.random.default_rng(0))
    centers = np.array([window.center for window in windows])
    spacing = spacing_of(windows, thermal_energy(300.0))
    between = distances_between(centers, centers) + 10 * np.eye(len(centers))
    assert 45 <= len(windows) <= 60
    assert distances_between(cvs, centers).min(axis=1).max() <= spacing
    assert between.min(axis=1).max() <= 1.3 * spacing
    assert len({window.force_constant for window in windows}) == 1


def test_windows_bridge_a_gap_that_no_frame_lies_in():
    rng = np.random.default_rng(4)
    cvs = np.concatenate([rng.normal([-3, 0], 0.3, (500, 2)), rng.normal([3, 0], 0.3, (500, 2))])
    windows = place_overlapping_windows(cvs, NOT_PERIODIC, 40, 1.5, 2.5, np.random.default_rng(0))
    centers = np.array([window.center for window in windows])
    spacing = spacing_of(windows, 2.5)
    inside = np.sort(centers[np.abs(centers[:, 0]) < 1.5, 0])
    assert len(inside) >= 3
    assert np.diff(inside).max() <= spacing
    starts = np.array([cvs[window.start_frame] for window in windows])
    assert distances_between(centers, cvs).min(axis=1) == pytest.approx(np.linalg.norm(centers - starts, axis=1))


def test_bridges_join_all_centres_into_one_chain():
    centers = np.array([[0.0], [1.0], [5.0], [6.0]])
    assert bridge_gaps(centers, np.array([np.inf]), 1.0).ravel().tolist() == [2.0, 3.0, 4.0]
    assert len(bridge_gaps(centers, np.array([np.inf]), 4.0)) == 0


def test_a_bridge_takes_the_short_way_around_a_period():
    bridge = bridge_gaps(np.array([[-3.0], [3.0]]), np.array([2 * np.pi]), 0.1)
    assert (np.abs(np.mod(bridge + np.pi, 2 * np.pi) - np.pi) > 3.0).all()


def test_the_number_of_overlapping_windows_does_not_depend_on_the_embedding():
    flat = np.random.default_rng(3).uniform(-2, 2, (3000, 2))
    embedded = np.column_stack([flat, np.zeros((3000, 3))])
    few = place_overlapping_windows(flat, NOT_PERIODIC, 40, 1.5, 2.5, np.random.default_rng(0))
    same = place_overlapping_windows(embedded, np.full(5, np.inf), 40, 1.5, 2.5, np.random.default_rng(0))
    assert [window.start_frame for window in same] == [window.start_frame for window in few]


def test_overlapping_windows_cover_a_period_across_its_ends():
    cvs = np.linspace(-np.pi, np.pi, 2000, endpoint=False)[:, None]
    windows = place_overlapping_windows(cvs, np.array([2 * np.pi]), 12, 1.5, 2.5, np.random.default_rng(0))
    angles = np.sort([np.mod(window.center[0], 2 * np.pi) for window in windows])
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    assert 8 <= len(windows) <= 12
    assert gaps.max() <= 2 * spacing_of(windows, 2.5)


def test_fewer_distinct_frames_than_windows_are_enough():
    cvs = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 5, axis=0)
    windows = place_overlapping_windows(cvs, NOT_PERIODIC, 10, 1.5, 2.5, np.random.default_rng(0))
    assert 3 <= len(windows) <= 10
    assert np.isfinite([window.force_constant for window in windows]).all()


@pytest.mark.parametrize("n_frames", [1, 5])
def test_frames_at_one_place_are_refused(n_frames):
    with pytest.raises(InputError, match=r"one place .* raise production.max_energy_kJ_per_mol"):
        place_overlapping_windows(np.ones((n_frames, 2)), np.full(2, np.inf), 10, 2.0, 2.5, np.random.default_rng(0))

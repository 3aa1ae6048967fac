"""Where the visited region ends."""

import numpy as np
import pytest

from mesaflow.boundary import (
    Grid,
    boundary_cells,
    find_edges,
    find_sparse_cells,
    frames_at_spacing,
    nearest_frames,
    wrap,
)

NOT_PERIODIC = np.array([np.inf, np.inf])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_edges_of_a_curved_sheet_lie_at_its_rim_and_point_outwards(rng):
    flat = rng.uniform(-2, 2, (6000, 2))
    cvs = np.column_stack([flat, 0.3 * np.sin(flat[:, 0])])
    boundary = find_edges(cvs, np.full(3, np.inf), 20, rng)
    at = cvs[boundary.frames, :2]
    assert len(boundary.frames) == 20
    assert (np.abs(at).max(axis=1) > 1.4).all()
    assert (np.einsum("ij,ij->i", boundary.directions[:, :2], at) > 0).all()
    assert np.linalg.norm(boundary.directions, axis=1) == pytest.approx(1.0)


def test_edges_of_a_ring_are_not_inside_it(rng):
    angle = rng.uniform(-np.pi, np.pi, 4000)
    radius = rng.uniform(2.0, 3.0, 4000)
    cvs = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    boundary = find_edges(cvs, NOT_PERIODIC, 30, rng)
    radii = np.linalg.norm(cvs[boundary.frames], axis=1)
    outward = np.einsum("ij,ij->i", boundary.directions, cvs[boundary.frames]) / radii
    rim = np.abs(radii - 2.5) > 0.3
    assert rim.mean() > 0.9
    assert (np.sign(outward[rim]) == np.sign(radii[rim] - 2.5)).mean() > 0.9


def test_edges_do_not_depend_on_density(rng):
    uniform = rng.uniform(-2, 2, (4000, 2))
    crowded = np.concatenate([uniform, rng.normal(0, 0.1, (20000, 2))])
    boundary = find_edges(crowded, NOT_PERIODIC, 20, rng)
    assert (np.abs(crowded[boundary.frames]).max(axis=1) > 1.4).all()


def test_a_full_circle_of_a_periodic_cv_has_no_edge_along_it(rng):
    cvs = np.column_stack([rng.uniform(-np.pi, np.pi, 6000), rng.uniform(-2, 2, 6000)])
    boundary = find_edges(cvs, np.array([2 * np.pi, np.inf]), 20, rng)
    assert (np.abs(boundary.directions[:, 1]) > 0.7).all()


def test_edges_are_the_same_for_the_same_seed():
    cvs = np.random.default_rng(3).normal(size=(2000, 2))
    first, second = (find_edges(cvs, NOT_PERIODIC, 10, np.random.default_rng(7)) for _ in range(2))
    assert (first.frames == second.frames).all()
    assert (first.directions == second.directions).all()


def test_one_empty_cell_among_visited_ones_ranks_first():
    middles = np.array([(i, j) for i in range(5) for j in range(5) if (i, j) != (2, 2)]) + 0.5
    cvs = np.repeat(middles, 50, axis=0)
    cells, values = boundary_cells(cvs, Grid(np.zeros(2), np.ones(2), np.zeros(2, dtype=int)))
    assert cells[0].tolist() == [2, 2]
    assert values[0] == pytest.approx(-1.0)
    assert len(cells) == 1 + 4 * 5
    assert values[1:] == pytest.approx(-0.25)


def test_visited_and_far_cells_are_no_boundary():
    cvs = np.full((10, 2), 0.5)
    cells, _ = boundary_cells(cvs, Grid(np.zeros(2), np.ones(2), np.zeros(2, dtype=int)))
    assert sorted(map(tuple, cells.tolist())) == [(-1, 0), (0, -1), (0, 1), (1, 0)]


def test_boundary_cells_wrap_around_a_period():
    grid = Grid.over(np.array([[0.1], [0.2]]), np.array([2 * np.pi]), 8)
    cells, _ = boundary_cells(np.array([[0.1], [0.2]]), grid)
    assert sorted(cells.ravel().tolist()) == [1, 7]


@pytest.mark.parametrize("n_cvs", [2, 6])
def test_the_cost_grows_with_visited_cells_not_with_all_cells(n_cvs, rng):
    cvs = rng.normal(size=(300, n_cvs))
    cells, _ = boundary_cells(cvs, Grid.over(cvs, np.full(n_cvs, np.inf), 20))
    assert len(cells) <= 300 * (2 * n_cvs + 1)


def test_sparse_cells_start_from_the_nearest_frame_and_point_to_the_cell(rng):
    cvs = rng.uniform(-1, 1, (3000, 2))
    boundary = find_sparse_cells(cvs, NOT_PERIODIC, 8, 10, rng)
    assert len(boundary.frames) == 8
    assert np.linalg.norm(boundary.directions, axis=1) == pytest.approx(1.0)
    outside = cvs[boundary.frames] + 0.4 * boundary.directions
    assert (np.abs(outside).max(axis=1) > 1.0).all()


def test_the_nearest_frame_is_found_across_the_period():
    cvs = np.array([[3.0], [0.0]])
    assert nearest_frames(cvs, np.array([[-3.1]]), np.array([2 * np.pi])).tolist() == [0]
    assert nearest_frames(cvs, np.array([[-3.1]]), np.array([np.inf])).tolist() == [1]


def test_wrapping_stays_below_the_period():
    period = np.array([2 * np.pi])
    wrapped = wrap(np.array([[-1e-18], [2 * np.pi], [7.0]]), period)
    assert (wrapped >= 0).all()
    assert (wrapped < period).all()
    assert wrapped[2, 0] == pytest.approx(7.0 - 2 * np.pi)


@pytest.mark.parametrize(("n_cvs", "n_frames"), [(5, 100), (8, 800), (10, 5000)])
def test_places_are_distinct_where_frames_are_far_apart(n_cvs, n_frames, rng):
    boundary = find_edges(rng.normal(size=(n_frames, n_cvs)), np.full(n_cvs, np.inf), 30, rng)
    assert len({*boundary.frames.tolist()}) == 30
    assert len(np.unique(boundary.directions, axis=0)) == 30


def test_places_without_an_edge_are_distinct(rng):
    boundary = find_edges(np.arange(5.0)[:, None] * [[100.0, 0.0]], np.full(2, np.inf), 5, rng)
    assert sorted(boundary.frames.tolist()) == [0, 1, 2, 3, 4]


def test_frames_at_a_spacing_are_no_closer_than_it():
    cvs = np.arange(10.0)[:, None]
    chosen = frames_at_spacing(cvs, np.array([np.inf]), 2.5, np.arange(10), 10)
    assert chosen.tolist() == [0, 3, 6, 9]
    assert frames_at_spacing(cvs, np.array([np.inf]), 2.5, np.arange(10), 3) is None


def test_frames_at_a_spacing_are_neighbours_across_a_period():
    cvs = np.array([[0.1], [2 * np.pi - 0.1]])
    assert len(frames_at_spacing(cvs, np.array([2 * np.pi]), 0.3, np.arange(2), 10)) == 1

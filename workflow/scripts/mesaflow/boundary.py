"""The boundary of what has been visited in CV space, where new windows are worth while."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .encoder import cv_scales, minimum_image

_TIE = 1e-9  # boundary values closer than this rank alike
_CELL_WIDTH = 0.2  # of the cells of which one frame each represents a density-free picture [SD]
_NEIGHBOURHOOD = 0.8  # radius in which a frame's neighbours are looked at, unless most frames then have too few [SD]
_FEWEST_NEIGHBOURS = 4  # with fewer a neighbourhood has no shape
_TANGENT_VARIANCE = 0.15  # directions with this share of a neighbourhood's largest variance are tangent to it
_LEAST_WEIGHT = 1e-9  # of a place that is not one-sided at all, so that no place is chosen twice
_LEAST_ASYMMETRY = (
    0.25  # displacement of the neighbours' mean over the radius: 0 inside, 4/(3π) = 0.42 at a straight edge
)


@dataclass(frozen=True)
class Boundary:
    """Places at the boundary, the best first.

    Attributes:
        frames: The index of the frame at each place.
        directions: Unit vectors outwards, in standard deviations of the CVs, with ``shape=(n_places, n_cvs)``.
    """

    frames: np.ndarray
    directions: np.ndarray


def find_edges(cvs: np.ndarray, periods: np.ndarray, n_places: int, rng: np.random.Generator) -> Boundary:
    """Find frames whose neighbours lie to one side of them.

    The visited region is often a thin curved sheet in CV space, whose boundary cells lie off the sheet on either side,
    where no molecule can go. The mean of a frame's neighbours, less the frame, projected on the tangent directions of the
    neighbourhood, vanishes inside the sheet and points inwards at its edge; a window belongs the other way. Density plays
    no part, because one frame represents each small cell. Places are spread by farthest-point selection.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_places: The most places.
        rng: The source of random numbers.
    """
    scales = cv_scales(cvs, periods)
    scaled, scaled_periods = cvs / scales, periods / scales
    shuffled = rng.permutation(len(cvs))
    _, first = np.unique(np.floor(scaled[shuffled] / _CELL_WIDTH), axis=0, return_index=True)
    frames = shuffled[first]
    points = scaled[frames]
    asymmetry, directions = _outward(points, scaled_periods)
    edge = np.flatnonzero(asymmetry > _LEAST_ASYMMETRY)
    if len(edge) == 0:
        edge = np.argsort(-asymmetry, kind="stable")[:n_places]
    chosen = edge[_spread(points[edge], asymmetry[edge], scaled_periods, n_places)]
    return Boundary(frames[chosen], directions[chosen])


def _outward(points: np.ndarray, periods: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how one-sided each point's neighbourhood is, and the unit vectors away from the neighbours."""
    asymmetry, directions = np.zeros(len(points)), np.zeros_like(points)
    directions[:, 0] = 1.0
    tree, wrapped = periodic_tree(points, periods), wrap(points, periods)
    radius = _NEIGHBOURHOOD
    if len(points) >= _FEWEST_NEIGHBOURS:  # the more CVs the farther apart frames are
        radius = max(radius, float(np.median(tree.query(wrapped, k=_FEWEST_NEIGHBOURS)[0][:, -1])))
    for i, neighbours in enumerate(tree.query_ball_point(wrapped, radius)):
        if len(neighbours) < _FEWEST_NEIGHBOURS:
            continue
        offsets = minimum_image(points[neighbours] - points[i], periods)
        mean = offsets.mean(axis=0)
        variances, axes = np.linalg.eigh((offsets - mean).T @ (offsets - mean))
        tangent = axes[:, variances > _TANGENT_VARIANCE * variances[-1]]
        inward = tangent @ (tangent.T @ mean)
        length = np.linalg.norm(inward)
        if length > 0:
            asymmetry[i], directions[i] = length / radius, -inward / length
    return asymmetry, directions


def _spread(points: np.ndarray, asymmetry: np.ndarray, periods: np.ndarray, n_places: int) -> list[int]:
    """Choose points far from one another, the more one-sided ones first."""
    chosen = [int(np.argmax(asymmetry))]
    distances = np.full(len(points), np.inf)
    while len(chosen) < min(n_places, len(points)):
        offsets = minimum_image(points - points[chosen[-1]], periods)
        distances = np.minimum(distances, np.linalg.norm(offsets, axis=1))
        chosen.append(int(np.argmax(distances * np.maximum(asymmetry, _LEAST_WEIGHT))))
    return chosen


def find_sparse_cells(
    cvs: np.ndarray, periods: np.ndarray, n_places: int, n_bins: int, rng: np.random.Generator
) -> Boundary:
    """Find the cells of a grid at the boundary of the visited ones, as published (doi:10.1002/jcc.25520).

    With n frames in a cell, p = −exp(−n) is −1 where nothing has been and 0 where much has; v is p less its mean over the
    cells across the faces. It is lowest for empty cells among visited ones, and a place is the frame nearest to such a
    cell, with the direction to the cell's middle. Only visited cells and their neighbours can have v ≠ 0, so that the cost
    grows with the visited region, not with the volume. Ties are in random order.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_places: The most places.
        n_bins: Cells along each CV.
        rng: The source of random numbers.
    """
    grid = Grid.over(cvs, periods, n_bins)
    cells, values = boundary_cells(cvs, grid)
    order = np.lexsort((rng.random(len(cells)), np.round(values / _TIE)))[:n_places]
    centers = grid.centers(cells[order])
    frames = nearest_frames(cvs, centers, periods)
    outward = minimum_image(centers - cvs[frames], periods) / cv_scales(cvs, periods)
    lengths = np.linalg.norm(outward, axis=1, keepdims=True)
    return Boundary(frames, outward / np.maximum(lengths, np.finfo(float).tiny))


@dataclass(frozen=True)
class Grid:
    """A regular grid over CV space, of which only visited cells are ever stored.

    Attributes:
        origin: The corner of cell (0, 0, …) with ``shape=(n_cvs,)``.
        widths: The width of a cell along each CV with ``shape=(n_cvs,)``.
        n_cells: The number of cells around a periodic CV, 0 where it is not periodic, with ``shape=(n_cvs,)``.
    """

    origin: np.ndarray
    widths: np.ndarray
    n_cells: np.ndarray

    @staticmethod
    def over(cvs: np.ndarray, periods: np.ndarray, n_bins: int) -> "Grid":
        """Divide the range of CVs with ``shape=(n_frames, n_cvs)`` into ``n_bins`` cells along each, or a whole period."""
        periodic = np.isfinite(periods)
        low, high = cvs.min(axis=0), cvs.max(axis=0)
        lengths = np.where(periodic, periods, np.maximum(high - low, np.finfo(float).tiny))
        return Grid(np.where(periodic, 0.0, low), lengths / n_bins, np.where(periodic, n_bins, 0))

    def cells(self, cvs: np.ndarray) -> np.ndarray:
        """Return the cells of CVs as integers with the shape of ``cvs``; periodic ones are wrapped."""
        return self._wrap(np.floor((cvs - self.origin) / self.widths).astype(np.int64))

    def centers(self, cells: np.ndarray) -> np.ndarray:
        """Return the middles of cells."""
        return self.origin + (cells + 0.5) * self.widths

    def neighbours(self, cells: np.ndarray) -> np.ndarray:
        """Return the cells across each face, with ``shape=(n_cells, 2 n_cvs, n_cvs)``."""
        steps = np.eye(cells.shape[1], dtype=np.int64)
        return self._wrap(cells[:, None, :] + np.concatenate([steps, -steps]))

    def _wrap(self, cells: np.ndarray) -> np.ndarray:
        return np.where(self.n_cells > 0, cells % np.maximum(self.n_cells, 1), cells)


def boundary_cells(cvs: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells with v < 0 with ``shape=(n_cells, n_cvs)``, and their v, lowest first."""
    visited, counts = np.unique(grid.cells(cvs), axis=0, return_counts=True)
    candidates = np.unique(np.concatenate([visited, grid.neighbours(visited).reshape(-1, cvs.shape[1])]), axis=0)
    n_frames = {tuple(cell): count for cell, count in zip(visited.tolist(), counts.tolist(), strict=True)}

    def emptiness(cells: np.ndarray) -> np.ndarray:
        found = [n_frames.get(tuple(cell), 0) for cell in cells.reshape(-1, cvs.shape[1]).tolist()]
        return -np.exp(-np.array(found, dtype=float)).reshape(cells.shape[:-1])

    values = emptiness(candidates) - emptiness(grid.neighbours(candidates)).mean(axis=1)
    order = np.argsort(values, kind="stable")
    order = order[values[order] < -_TIE]
    return candidates[order], values[order]


def nearest_frames(cvs: np.ndarray, centers: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return, for each centre, the index of the frame nearest to it in CV space.

    Args:
        cvs: The collective variables of frames with ``shape=(n_frames, n_cvs)``.
        centers: Points with ``shape=(n_points, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
    """
    return periodic_tree(cvs, periods).query(wrap(centers, periods))[1]


def frames_at_spacing(
    cvs: np.ndarray, periods: np.ndarray, spacing: float, order: np.ndarray, n_frames: int
) -> np.ndarray | None:
    """Choose frames, in the given order, no closer than a spacing to one chosen before; None if there are too many."""
    tree, points = periodic_tree(cvs, periods), wrap(cvs, periods)
    covered = np.zeros(len(cvs), dtype=bool)
    chosen: list[int] = []
    for frame in order:
        if not covered[frame]:
            chosen.append(int(frame))
            if len(chosen) > n_frames:
                return None
            covered[tree.query_ball_point(points[frame], spacing)] = True
    return np.array(chosen)


def wrap(points: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Bring points into [0, period) along periodic CVs."""
    periodic = np.isfinite(periods)
    period = np.where(periodic, periods, 1.0)
    return np.where(periodic, np.minimum(np.mod(points, period), np.nextafter(period, 0)), points)


def periodic_tree(cvs: np.ndarray, periods: np.ndarray) -> cKDTree:
    """Build a tree of points in CV space; look points up in it after ``wrap``."""
    box = np.where(np.isfinite(periods), periods, 0.0)  # 0: not periodic
    return cKDTree(wrap(cvs, periods), boxsize=box if box.any() else None)

"""Where to put restrained simulations in CV space: windows at the boundary of what has been visited."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .encoder import minimum_image

_TIE = 1e-9  # boundary values closer than this rank alike
_WIDTH_RESOLUTION = 1.01  # ratio of cell widths at which the search for the finest grid stops


@dataclass(frozen=True)
class Window:
    """A restrained simulation to be run.

    Attributes:
        center: The restraint's centre with ``shape=(n_cvs,)``.
        force_constant: κ [kJ/mol per squared CV unit].
        start_frame: The index of the frame it starts from.
    """

    center: np.ndarray
    force_constant: float
    start_frame: int


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
        width = np.where(periodic, np.where(periodic, periods, 1.0) / n_bins, np.maximum(high - low, 1e-12) / n_bins)
        return Grid(np.where(periodic, 0.0, low), width, np.where(periodic, n_bins, 0))

    @staticmethod
    def of_width(width: float, periods: np.ndarray) -> "Grid":
        """Return a grid of cubic cells; around a period their width is rounded so that a whole number fits."""
        periodic = np.isfinite(periods)
        n_cells = np.where(periodic, np.maximum(1, np.round(np.where(periodic, periods, 0.0) / width)), 0).astype(int)
        widths = np.where(periodic, np.where(periodic, periods, 1.0) / np.maximum(n_cells, 1), width)
        return Grid(np.zeros(len(periods)), widths, n_cells)

    def cells(self, cvs: np.ndarray) -> np.ndarray:
        """Return the cells of CVs as integers with the shape of ``cvs``; periodic ones are wrapped."""
        return self.wrap(np.floor((cvs - self.origin) / self.widths).astype(np.int64))

    def wrap(self, cells: np.ndarray) -> np.ndarray:
        return np.where(self.n_cells > 0, cells % np.maximum(self.n_cells, 1), cells)

    def centers(self, cells: np.ndarray) -> np.ndarray:
        """Return the middles of cells."""
        return self.origin + (cells + 0.5) * self.widths

    def neighbours(self, cells: np.ndarray) -> np.ndarray:
        """Return the cells across each face, with ``shape=(n_cells, 2 n_cvs, n_cvs)``."""
        n_cvs = cells.shape[1]
        offsets = np.concatenate([np.eye(n_cvs, dtype=np.int64), -np.eye(n_cvs, dtype=np.int64)])
        return self.wrap(cells[:, None, :] + offsets)


def boundary_cells(cvs: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Find the cells at the boundary of the visited region.

    With n frames in a cell, p = −exp(−n) is −1 where nothing has been and 0 where much has; v is p less its mean over the
    cells across the faces. It is lowest for empty cells among visited ones (doi:10.1002/jcc.25520). Only visited cells and
    their neighbours can have v ≠ 0, so that the cost grows with the visited region, not with the volume.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        grid: The grid.

    Returns:
        The cells with v < 0 with ``shape=(n_cells, n_cvs)``, and their v, lowest first.
    """
    visited, counts = np.unique(grid.cells(cvs), axis=0, return_counts=True)
    candidates = np.unique(np.concatenate([visited, grid.neighbours(visited).reshape(-1, cvs.shape[1])]), axis=0)
    lookup = {tuple(cell): count for cell, count in zip(visited.tolist(), counts.tolist(), strict=True)}

    def emptiness(cells: np.ndarray) -> np.ndarray:
        found = [lookup.get(tuple(cell), 0) for cell in cells.reshape(-1, cvs.shape[1]).tolist()]
        return -np.exp(-np.array(found, dtype=float)).reshape(cells.shape[:-1])

    values = emptiness(candidates) - emptiness(grid.neighbours(candidates)).mean(axis=1)
    order = np.argsort(values, kind="stable")
    order = order[values[order] < -_TIE]
    return candidates[order], values[order]


def choose_boundary_centers(
    cvs: np.ndarray, periods: np.ndarray, n_windows: int, n_bins: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose window centres at the boundary: the lowest v first, ties in random order.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_windows: The most windows.
        n_bins: Cells along each CV.
        rng: The source of random numbers.

    Returns:
        The centres with ``shape=(≤ n_windows, n_cvs)``.
    """
    grid = Grid.over(cvs, periods, n_bins)
    cells, values = boundary_cells(cvs, grid)
    order = np.lexsort((rng.random(len(cells)), np.round(values / _TIE)))
    return grid.centers(cells[order[:n_windows]])


def nearest_frames(cvs: np.ndarray, centers: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return, for each centre, the index of the frame nearest to it in CV space.

    Args:
        cvs: The collective variables of frames with ``shape=(n_frames, n_cvs)``.
        centers: Points with ``shape=(n_points, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
    """
    return _tree(cvs, periods).query(_wrapped(centers, periods))[1]


def place_boundary_windows(
    cvs: np.ndarray,
    periods: np.ndarray,
    n_windows: int,
    n_bins: int,
    energy_budget: float,
    reach: float,
    rng: np.random.Generator,
) -> list[Window]:
    """Place windows beyond the boundary, each pulled by the same energy budget from the frame nearest to it.

    A centre is moved outwards, on the line from its start frame through its boundary cell, to at least ``reach`` from the
    start. κ = 2 U / |ξ⁰ − ξ_start|², so that the restraint's energy is U at the start, however far the centre is.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_windows: The most windows.
        n_bins: Cells along each CV.
        energy_budget: U [kJ/mol].
        reach: The least distance from start frame to centre, in standard deviations of the CVs.
        rng: The source of random numbers.
    """
    boundary = choose_boundary_centers(cvs, periods, n_windows, n_bins, rng)
    starts = nearest_frames(cvs, boundary, periods)
    outward = minimum_image(boundary - cvs[starts], periods)
    distances = np.linalg.norm(outward, axis=1)
    lengths = np.maximum(distances, reach)
    directions = outward / np.maximum(distances, np.finfo(float).tiny)[:, None]
    centers = cvs[starts] + lengths[:, None] * directions
    force_constants = 2 * energy_budget / lengths**2
    return [
        Window(center, float(force_constant), int(start))
        for center, force_constant, start in zip(centers, force_constants, starts, strict=True)
    ]


def place_overlapping_windows(
    cvs: np.ndarray, periods: np.ndarray, n_windows: int, spacing_in_widths: float, thermal_energy: float
) -> list[Window]:
    """Place windows on a grid over all that has been visited, spaced and restrained so that neighbours overlap.

    The grid is the finest whose visited cells number at most ``n_windows``. A free harmonic window has the width
    σ = (RT/κ)^½; with neighbours ``s`` widths apart, κ = RT (s / spacing)².

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_windows: The most windows.
        spacing_in_widths: s.
        thermal_energy: RT [kJ/mol].
    """
    spacing, cells = _finest_grid(cvs, periods, n_windows)
    centers = Grid.of_width(spacing, periods).centers(cells)
    force_constant = thermal_energy * (spacing_in_widths / spacing) ** 2
    starts = nearest_frames(cvs, centers, periods)
    return [Window(center, force_constant, int(start)) for center, start in zip(centers, starts, strict=True)]


def _finest_grid(cvs: np.ndarray, periods: np.ndarray, n_windows: int) -> tuple[float, np.ndarray]:
    """Return the smallest cell width at which at most ``n_windows`` cells are visited, and these cells."""
    coarse = float(np.ptp(cvs, axis=0).max()) * 1.001 + np.finfo(float).tiny
    fine = coarse / 1000
    best = coarse, np.unique(Grid.of_width(coarse, periods).cells(cvs), axis=0)
    while coarse / fine > _WIDTH_RESOLUTION:
        width = np.sqrt(coarse * fine)
        cells = np.unique(Grid.of_width(width, periods).cells(cvs), axis=0)
        if len(cells) > n_windows:
            fine = width
        else:
            coarse, best = width, (width, cells)
    return best


def _wrapped(points: np.ndarray, periods: np.ndarray) -> np.ndarray:
    periodic = np.isfinite(periods)
    return np.where(periodic, np.mod(points, np.where(periodic, periods, 1.0)), points)


def _tree(cvs: np.ndarray, periods: np.ndarray) -> cKDTree:
    boxsize = np.where(np.isfinite(periods), periods, 0.0)  # 0: not periodic
    return cKDTree(_wrapped(cvs, periods), boxsize=boxsize if boxsize.any() else None)

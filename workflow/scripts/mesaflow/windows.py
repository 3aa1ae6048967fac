"""Restrained simulations in CV space: where their centres are, how strong they are, and where they start."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from .boundary import Boundary, frames_at_spacing, nearest_frames, wrap
from .encoder import cv_scales, minimum_image
from .errors import InputError

_SPACING_RESOLUTION = 0.01  # relative, at which the search for the smallest spacing stops
_DISTINCT = 4.0  # median distances to the nearest place of lower energy, from which a place is a minimum; on slopes it is 1 to 2
_LONGEST_EDGE = 1.3  # spacings between neighbours, from which a gap is filled


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


def place_boundary_windows(
    cvs: np.ndarray,
    periods: np.ndarray,
    boundary: Boundary,
    energy_budget: float,
    reach: float,
    force_constant: float | None = None,
) -> list[Window]:
    """Place windows beyond the boundary, each pulled by the same energy budget from the frame at it.

    κ = 2 U / |ξ⁰ − ξ_start|², so that the restraint's energy at the start is U. One budget serves all windows and
    molecules, where one force constant is either too weak or tears the molecule apart.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        boundary: Where the windows start and which way is out.
        energy_budget: U [kJ/mol].
        reach: The distance from start to centre, in standard deviations of the CVs (radians where they are circular).
        force_constant: κ of all windows, whatever the budget [kJ/mol per squared CV unit].
    """
    steps = reach * boundary.directions * cv_scales(cvs, periods)
    return [
        Window(cvs[frame] + step, force_constant or float(2 * energy_budget / (step @ step)), int(frame))
        for frame, step in zip(boundary.frames, steps, strict=True)
    ]


def place_overlapping_windows(
    cvs: np.ndarray,
    periods: np.ndarray,
    n_windows: int,
    spacing_in_widths: float,
    thermal_energy: float,
    rng: np.random.Generator,
) -> list[Window]:
    """Spread windows over all that has been visited, spaced and restrained so that neighbours overlap.

    Centres are frames no two of which are closer than a spacing, and from one of which no frame is farther than it; the
    spacing is the smallest that needs at most ``n_windows``, with those that bridge the gaps between them. A free harmonic window has the width σ = (RT/κ)^½, so that
    with neighbours ``s`` widths apart κ = RT (s / spacing)². The number of windows grows with the region visited, whatever
    the number of CVs that it is embedded in.

    Args:
        cvs: The collective variables of frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_windows: The most windows.
        spacing_in_widths: s.
        thermal_energy: RT [kJ/mol].
        rng: Chooses among equally good centres.

    Raises:
        InputError: If all frames lie at one place.
    """
    extent = float(np.linalg.norm(np.ptp(wrap(cvs, periods), axis=0)))
    if extent == 0:
        raise InputError(
            "all relaxed frames lie at one place of the collective variables, where windows have no distance to one another; "
            "raise production.max_energy_kJ_per_mol or production.n_candidates."
        )
    order = rng.permutation(len(cvs))

    def centers_at(spacing: float) -> np.ndarray | None:
        chosen = frames_at_spacing(cvs, periods, spacing, order, n_windows)
        if chosen is None:
            return None
        centers = np.concatenate([cvs[chosen], bridge_gaps(cvs[chosen], periods, spacing)])
        return centers if len(centers) <= n_windows else None

    spacing = extent
    too_fine, centers = 0.0, centers_at(spacing)
    while spacing - too_fine > _SPACING_RESOLUTION * spacing:
        middle = (too_fine + spacing) / 2
        finer = centers_at(middle)
        if finer is None:
            too_fine = middle
        else:
            spacing, centers = middle, finer
    force_constant = float(thermal_energy * (spacing_in_widths / spacing) ** 2)
    starts = nearest_frames(cvs, centers, periods)
    return [Window(center, force_constant, int(start)) for center, start in zip(centers, starts, strict=True)]


def bridge_gaps(centers: np.ndarray, periods: np.ndarray, spacing: float) -> np.ndarray:
    """Find the points that make one chain of neighbours of all centres.

    Where simulations have crossed a barrier too fast to leave a frame on it, the centres on its two sides are farther apart
    than neighbours, and nothing would connect their free energies. The edges of the minimum spanning tree that are longer
    than ``_LONGEST_EDGE`` spacings are filled with evenly spaced points.

    Args:
        centers: The centres with ``shape=(n_centers, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        spacing: The distance between neighbours.

    Returns:
        The additional points with ``shape=(n_points, n_cvs)``.
    """
    offsets = minimum_image(centers[None] - centers[:, None], periods)
    distances = np.linalg.norm(offsets, axis=2)
    first, second = minimum_spanning_tree(distances).nonzero()
    points = [np.empty((0, centers.shape[1]))]
    for i, j in zip(first, second, strict=True):
        if distances[i, j] > _LONGEST_EDGE * spacing:
            n_steps = int(np.ceil(distances[i, j] / spacing))
            points.append(centers[i] + np.arange(1, n_steps)[:, None] / n_steps * offsets[i, j])
    return np.concatenate(points)


def place_walkers(cvs: np.ndarray, periods: np.ndarray, energies: np.ndarray, n_walkers: int) -> list[Window]:
    """Start walkers from the most distinct minima of the energy, the lowest of all first.

    A minimum is the more distinct the farther the nearest place of lower energy is; the measure is that of A. Rodriguez &
    A. Laio, Science 344, 1492 (2014), doi:10.1126/science.1242072, with energies instead of densities.

    Args:
        cvs: The collective variables of relaxed frames with ``shape=(n_frames, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        energies: The relaxed energies [kJ/mol] with ``shape=(n_frames,)``.
        n_walkers: The number of walkers; where there are fewer minima, several start from one.

    Returns:
        For each walker its start as centre, with a force constant of 0.
    """
    order = np.argsort(energies, kind="stable")
    distances = np.full(len(cvs), np.inf)
    for rank in range(1, len(order)):
        offsets = minimum_image(cvs[order[:rank]] - cvs[order[rank]], periods)
        distances[order[rank]] = np.linalg.norm(offsets, axis=1).min()
    finite = distances[np.isfinite(distances)]
    minima = np.flatnonzero(distances > _DISTINCT * np.median(finite)) if len(finite) else order
    chosen = minima[np.argsort(-distances[minima], kind="stable")]
    return [Window(cvs[frame], 0.0, int(frame)) for frame in np.resize(chosen, n_walkers)]

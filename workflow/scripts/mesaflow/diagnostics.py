"""How far a free energy can be trusted: checks of what statistical error bars do not show."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .encoder import Encoder
from .reweighting import Restraints, Weights, cv_columns
from .units import thermal_energy

LEAST_OVERLAP = 0.03
"""Overlap of two neighbouring windows below which they are not connected (doi:10.1007/s10822-015-9840-9)."""

FEWEST_EFFECTIVE_SAMPLES = 50
"""Effective samples of a state below which its free energy is noise."""

LARGEST_SPLIT_DIFFERENCE = 2.5
"""Difference of the halves of the data, in its standard errors, beyond which the data drift."""

LARGEST_ERROR = 1.5
"""Standard error of a state [kJ/mol] above which its free energy says little (0.6 RT at 300 K)."""

SEPARATE_MODES = 4.0
"""Ashman's D from which two clusters are modes of their own; the halves of one Gaussian have 2.65."""

FEWEST_CROSSINGS = 6
"""Crossings between two modes below which a window has not sampled how they are populated."""

LARGEST_GAP = 1.5
"""Distance between the conformations of two overlapping windows, relative to that within one, beyond which they differ."""

NEGLIGIBLE_ENERGY = 5.0
"""Relaxed energy above that of a state [RT] from which conformations hold less than a hundredth of the state's population."""

LARGEST_SPREAD = 2.0
"""Standard deviation of a window, relative to that of a free one, beyond which the barrier below is as steep as the restraint."""

FEWEST_CROSSINGS_OF_WALKERS = 20
"""Crossings between two states, by all walkers, below which the error of their difference is hardly known (√(2/20) RT at best)."""

LARGEST_SPREAD_OF_WALKERS = 2.0
"""Spread of what the walkers find alone, relative to their errors, beyond which they do not sample the same (1 in 100 for four)."""

_NEAREST_SHARE = 0.1  # of the frames, the nearest to the other window, decide whether two windows touch

SMALLEST_MODE = 0.05
"""Fraction of a window's frames below which a second mode is an excursion."""


def effective_samples(weights: np.ndarray) -> float:
    """Return Kish's effective number of samples, (Σ w)² / Σ w²; 0 without samples."""
    squared = (weights**2).sum()
    return float(weights.sum() ** 2 / squared) if squared > 0 else 0.0


def find_connected_parts(overlap: np.ndarray, apart: Collection[tuple[int, int]] = ()) -> np.ndarray:
    """Find the parts of the window graph, whose edges are sufficient overlaps of windows that share conformations.

    Args:
        overlap: The overlap matrix with ``shape=(K, K)``.
        apart: Pairs of indices whose overlap is one of the collective variables only.

    Returns:
        The number of the part that each window belongs to, from 0, with ``shape=(K,)``.
    """
    edges = overlap > LEAST_OVERLAP
    for i, j in apart:
        edges[i, j] = edges[j, i] = False
    return connected_components(edges, directed=False)[1]


def find_unconnected(
    weights: Weights, restraints: Restraints, apart: list[tuple[int, int]], encoder: Encoder
) -> np.ndarray:
    """Find the windows that no chain of overlaps connects with those around the start structure.

    How free energies on the two sides of a gap compare is unknown, and MBAR would make something up.

    Args:
        weights: The estimated weights, for the windows and their overlap.
        restraints: The restraints of all windows.
        apart: Pairs of windows whose overlap is one of the collective variables only.
        encoder: The collective variables.

    Returns:
        The numbers of these windows.
    """
    index = {int(window): k for k, window in enumerate(weights.windows)}
    parts = find_connected_parts(weights.overlap, [(index[i], index[j]) for i, j in apart])
    start = encoder.evaluate(encoder.references[:1])
    centers = restraints.centers[np.searchsorted(restraints.windows, weights.windows)]
    home = parts[np.linalg.norm(encoder.displacement(centers, start), axis=1).argmin()]
    return weights.windows[parts != home]


def _unseen_coordinates(coordinates: np.ndarray, cvs: np.ndarray) -> np.ndarray:
    """Remove from coordinates with ``shape=(n_frames, n_coordinates)`` what is linear in the CVs."""
    design = np.column_stack([np.ones(len(cvs)), cvs])
    return coordinates - design @ np.linalg.lstsq(design, coordinates, rcond=None)[0]


def _separation(low: np.ndarray, high: np.ndarray) -> float:
    """Return Ashman's D of two sets of values (K. M. Ashman et al., Astron. J. 108, 2348 (1994), doi:10.1086/117248)."""
    spread = np.sqrt((low.var() + high.var()) / 2)
    return float(abs(high.mean() - low.mean()) / spread) if spread > 0 else np.inf


def is_bimodal(
    coordinates: np.ndarray, cvs: np.ndarray, pieces: np.ndarray | None = None, random_seed: int = 0
) -> bool:
    """Tell whether one window holds two conformations that its CVs do not tell apart and that it seldom crosses between.

    Args:
        coordinates: Superposed coordinates with ``shape=(n_frames, n_coordinates)``, in the order of time.
        cvs: The collective variables with ``shape=(n_frames, n_cvs)``.
        pieces: The simulation that each frame is of, with ``shape=(n_frames,)``, where there are several: from one to the
            next is no crossing.
        random_seed: Seeds the clustering.
    """
    unseen = _unseen_coordinates(coordinates, cvs)
    labels = kmeans2(unseen, 2, minit="++", rng=np.random.default_rng(random_seed))[1]
    share = labels.mean()
    if min(share, 1 - share) < SMALLEST_MODE:
        return False
    axis = unseen[labels == 1].mean(axis=0) - unseen[labels == 0].mean(axis=0)
    values = unseen @ axis
    crosses = np.diff(labels) != 0
    if pieces is not None:
        crosses &= np.diff(pieces) == 0
    n_crossings = int(crosses.sum())
    return _separation(values[labels == 0], values[labels == 1]) > SEPARATE_MODES and n_crossings < FEWEST_CROSSINGS


@dataclass(frozen=True)
class Conformations:
    """The conformations of one window, ready to be compared with those of others.

    Attributes:
        coordinates: Superposed coordinates [nm] with ``shape=(n_frames, n_coordinates)``.
        tree: The same for nearest-neighbour searches.
        spacing: The median distance [nm] of a frame to its nearest neighbour.
    """

    coordinates: np.ndarray
    tree: cKDTree
    spacing: float

    @classmethod
    def of(cls, coordinates: np.ndarray) -> "Conformations":
        tree = cKDTree(coordinates)
        return cls(coordinates, tree, float(np.median(tree.query(coordinates, k=2)[0][:, 1])))


def are_apart(first: Conformations, second: Conformations) -> bool:
    """Tell whether two windows that overlap in the CVs hold different conformations.

    Windows that overlap share conformations: the nearest frames of the other window are about as near as those of the same.
    """
    across = np.concatenate([second.tree.query(first.coordinates)[0], first.tree.query(second.coordinates)[0]])
    return bool(np.quantile(across, _NEAREST_SHARE) > LARGEST_GAP * (first.spacing + second.spacing) / 2)


def find_hidden_barriers(
    samples: pd.DataFrame, coordinates: np.ndarray, weights: Weights, discard: float
) -> tuple[list[int], list[tuple[int, int]]]:
    """Look for conformations that the collective variables confuse.

    Args:
        samples: One row a frame with window, time_ps and cv_1 …, and piece where windows have several.
        coordinates: Superposed coordinates with ``shape=(n_rows, n_coordinates)``.
        weights: The estimated weights, for the windows and their overlap.
        discard: The time [ps] to leave out at the start of each window.

    Returns:
        The windows with two modes, and the pairs of overlapping windows whose conformations differ.
    """
    cvs = samples[cv_columns(samples)].to_numpy()
    window, late = samples["window"].to_numpy(), samples["time_ps"].to_numpy() > discard
    pieces = samples["piece"].to_numpy() if "piece" in samples else window
    data = {}
    for number in weights.windows:
        rows = np.flatnonzero((window == number) & late)
        data[int(number)] = coordinates[rows], cvs[rows], pieces[rows]
    bimodal = [number for number, part in data.items() if is_bimodal(*part)]
    overlap = np.maximum(weights.overlap, weights.overlap.T)  # an edge of the graph is an overlap in either direction
    first, second = np.nonzero(np.triu(overlap > LEAST_OVERLAP, k=1))
    pairs = [(int(weights.windows[i]), int(weights.windows[j])) for i, j in zip(first, second, strict=True)]
    conformations = {number: Conformations.of(part[0]) for number, part in data.items()}
    return bimodal, [(i, j) for i, j in pairs if are_apart(conformations[i], conformations[j])]


def find_soft_windows(samples: pd.DataFrame, restraints: Restraints, temperature: float, discard: float) -> list[int]:
    """Find windows that slide off the barrier that they sit on.

    Where the free energy F has the curvature F″, a window's variance is RT / (κ + F″). As F″ comes near −κ the window holds two
    slopes of a barrier and little of its top; whatever crosses there does so by chance, and neighbours overlap all the better.

    Args:
        samples: One row a frame with window, time_ps and cv_1 …, unwrapped.
        restraints: The windows' restraints.
        temperature: The temperature [K].
        discard: The time [ps] to leave out at the start of each window.

    Returns:
        The windows whose standard deviation, along the direction where it is largest, exceeds ``LARGEST_SPREAD`` times (RT/κ)^½.
    """
    force_constants = dict(zip(restraints.windows.tolist(), restraints.force_constants, strict=True))
    late = samples[samples["time_ps"] > discard]
    soft = []
    for window, values in late[cv_columns(samples)].groupby(late["window"]):
        covariance = np.atleast_2d(np.cov(values.to_numpy(), rowvar=False))
        free = thermal_energy(temperature) / force_constants[window]
        if np.linalg.eigvalsh(covariance)[-1] > LARGEST_SPREAD**2 * free:
            soft.append(int(window))
    return soft


def judge(diagnostics: dict) -> tuple[str, list[str]]:
    """Turn diagnostics into a verdict.

    Args:
        diagnostics: What ``estimate_free_energy`` has collected.

    Returns:
        ``trustworthy`` or ``not yet``, and for the latter the reasons, each with what to do.
    """
    reasons = []
    if diagnostics["n_failed_windows"]:
        reasons.append(
            f"{diagnostics['n_failed_windows']} windows failed; see their status.json and lower the force constants."
        )
    if _left_out_matters(diagnostics):
        reasons.append(
            f"{len(diagnostics['windows_left_out'])} of {diagnostics['n_windows']} windows do not overlap with those around the "
            "start structure, so that their free energies are unknown and left out; the lowest starts "
            f"{diagnostics['lowest_energy_left_out_RT']:.1f} RT above the lowest relaxed energy; add windows "
            "(production.n_windows) or lower production.spacing_in_widths."
        )
    if diagnostics["bimodal_windows"]:
        reasons.append(
            f"windows {_enumerate(diagnostics['bimodal_windows'])} hold two conformations that the collective variables "
            "do not tell apart; raise production.n_cvs or production.length_ps."
        )
    if diagnostics["soft_windows"]:
        reasons.append(
            f"windows {_enumerate(diagnostics['soft_windows'])} spread over more than {LARGEST_SPREAD:g} times the width of a "
            "free one: they lie on barriers steeper than their restraint; raise production.n_windows."
        )
    if diagnostics["windows_apart"]:
        pairs = [f"{i}–{j}" for i, j in diagnostics["windows_apart"]]
        reasons.append(
            f"the pairs {_enumerate(pairs)} overlap in the collective variables but hold different conformations; "
            "raise production.n_cvs."
        )
    reasons += _judge_states(diagnostics["states"])
    if not diagnostics["states"]:
        reasons.append("no states are defined, so that no error was judged; name two under free_energy.states.")
    return ("not yet" if reasons else "trustworthy"), reasons


def judge_walkers(diagnostics: dict) -> tuple[str, list[str]]:
    """Turn the diagnostics of walkers into a verdict, as ``judge`` does those of windows."""
    reasons = []
    if diagnostics["n_failed_windows"]:
        reasons.append(
            f"{diagnostics['n_failed_windows']} walkers failed; see their status.json and lower "
            "production.opes.barrier_kJ_per_mol."
        )
    reference = diagnostics["reference_state"]
    for state, found in diagnostics["walkers"].items():
        crossings = dict(zip(found["numbers"], found["crossings"], strict=True))
        idle = [number for number, n in crossings.items() if n == 0]
        total = sum(crossings.values())
        if idle:
            reasons.append(
                f"walkers {_enumerate(idle)} never crossed between {reference} and {state} once their biases were static; "
                "lengthen production.opes.build_ps or raise production.opes.barrier_kJ_per_mol."
            )
        elif total < FEWEST_CROSSINGS_OF_WALKERS:
            reasons.append(
                f"the walkers crossed only {total} times between {reference} and {state}, fewer than "
                f"{FEWEST_CROSSINGS_OF_WALKERS}; lengthen production.opes.length_ps."
            )
        spread = found["spread_in_errors"]
        if spread is None or spread > LARGEST_SPREAD_OF_WALKERS:
            alone = ", ".join("none" if f is None else f"{f:.1f}" for f in found["free_energies_kJ_per_mol"])
            shown = "cannot be compared" if spread is None else f"differ by {spread:.1f} times their standard errors"
            reasons.append(
                f"the free energies of {state} that the walkers find alone {shown} ({alone} kJ/mol); lengthen "
                "production.opes.build_ps and length_ps, or raise production.n_cvs if the walkers stay apart."
            )
    reasons += _judge_states(diagnostics["states"])
    return ("not yet" if reasons else "trustworthy"), reasons


def _judge_states(states: dict[str, dict]) -> list[str]:
    """Give reasons to doubt the free energies of states, each with what to simulate further."""
    reasons = []
    for state, values in states.items():
        remedy = "lengthen production.opes.length_ps"
        if "windows_to_extend" in values:
            most = _enumerate(values["windows_to_extend"])
            remedy = "raise production.extend_ns" + (f" (it hangs most on windows {most})" if most else "")
            remedy = remedy if values["effective_samples"] else "raise exploration.n_rounds"
        if values["effective_samples"] < FEWEST_EFFECTIVE_SAMPLES:
            reasons.append(
                f"state {state} has {values['effective_samples']:.0f} effective samples, fewer than "
                f"{FEWEST_EFFECTIVE_SAMPLES}; {remedy}."
            )
        error = values["standard_error_kJ_per_mol"]
        if error is None or error > LARGEST_ERROR:
            shown = "unknown" if error is None else f"{error:.1f} kJ/mol"
            reasons.append(f"the standard error of {state} is {shown}, above {LARGEST_ERROR} kJ/mol; {remedy}.")
        difference = values["split_half_difference_in_errors"]
        if difference is None or difference > LARGEST_SPLIT_DIFFERENCE:
            shown = "cannot be compared" if difference is None else f"differ by {difference:.1f} standard errors"
            reasons.append(f"the first and second halves of the data {shown} in {state}; {remedy}.")
    return reasons


def note_left_out(diagnostics: dict) -> list[str]:
    """Say what was left out without harm."""
    energy = diagnostics["lowest_energy_left_out_RT"]
    if energy is None or _left_out_matters(diagnostics):
        return []
    return [
        f"{len(diagnostics['windows_left_out'])} windows lie behind barriers that no window crosses, and are left out; the "
        f"lowest of their start frames is {energy:.1f} RT above the lowest relaxed energy, by which few molecules are there."
    ]


def _left_out_matters(diagnostics: dict) -> bool:
    """Tell whether windows that were left out may hold some of the population.

    Relaxed energies leave out entropy, so that they excuse some windows, but not most of them.
    """
    energy = diagnostics["lowest_energy_left_out_RT"]
    if energy is None:
        return False
    most = 2 * len(diagnostics["windows_left_out"]) > diagnostics["n_windows"]
    return most or energy < diagnostics["negligible_energy_RT"]


def _enumerate(items: list) -> str:
    shown = ", ".join(str(item) for item in items[:10])
    return f"{shown} and {len(items) - 10} more" if len(items) > 10 else shown

"""When the rounds have found what there is to find: three kinds of evidence, and the verdict in words."""

from dataclasses import dataclass, field
from itertools import combinations
from math import log
from typing import TYPE_CHECKING

import numpy as np

from .agreement import compare_latents, latent_coordinates
from .encoder import Encoder, cv_scales, minimum_image

if TYPE_CHECKING:
    import pandas as pd

CVS = "cv-space"
"""The name under which the growth in CV space stands beside that of the coverage maps, none of which can be called so."""

NEW_BINS, GROWTH, AGREEMENT, LOST = "new_bins_per_ns", "growth", "agreement", "lost_fraction"
"""The kinds of evidence, as the columns of the table of rounds begin."""

_CELL_WIDTH = 0.25  # of the cells of pairs of CVs [SD, rad where circular]: a few hundred a pair
_MOST_FRAMES = 5000  # on which two encoders are compared


@dataclass(frozen=True)
class Criteria:
    """When rounds count as converged.

    Attributes:
        growth: In every map a round must grow by a smaller power of the frames, see ``growth_exponent``.
        correlation: The smallest canonical correlation with the encoder before must be at least this; 0 asks for nothing.
        lost: At most this fraction of the windows may be lost, see ``lost_windows``.
        n_rounds: How many rounds in a row must fulfil all three.
    """

    growth: float
    correlation: float
    lost: float
    n_rounds: int


@dataclass(frozen=True)
class Evidence:
    """What a round says about convergence; numbers that cannot be told are None.

    Attributes:
        growth: The growth exponent of each map.
        agreement: The smallest canonical correlation of this round's latent with that of the round before.
        agreement_mean: The mean one.
        lost_fraction: The fraction of windows that failed or never came nearer to their centre.
    """

    growth: dict[str, float | None]
    agreement: float | None
    agreement_mean: float | None
    lost_fraction: float | None

    @property
    def fastest(self) -> str | None:
        """The map that grew fastest, one whose growth cannot be told first; None without maps."""
        return max(
            self.growth, key=lambda name: np.inf if self.growth[name] is None else self.growth[name], default=None
        )


@dataclass(frozen=True)
class Judgement:
    """Which criteria a round meets.

    Attributes:
        met: Whether each criterion is met: ``growth``, ``agreement``, ``lost``.
        n_rounds_met: For how many rounds in a row, this one included, all of them are.
        converged: Whether these are enough.
        reason: Why, or why not, in words.
    """

    met: dict[str, bool] = field(default_factory=dict)
    n_rounds_met: int = 0
    converged: bool = False
    reason: str = ""


def growth_exponent(before: int, after: int, frames_before: int, frames_after: int) -> float | None:
    """Return by which power of the number of frames a number of bins grows.

    With bins ∝ framesᵃ a = ln(after / before) / ln(frames_after / frames_before): 1 where every ns brings as many new bins
    as those before, towards 0 where there are no more. It depends neither on the width of the bins nor on the length of a
    round, as the number of new bins does.

    Returns:
        a; None where it cannot be told, because nothing was there before or no frame is new.
    """
    if before == 0 or frames_before == 0 or frames_after <= frames_before:
        return None
    return log(after / before) / log(frames_after / frames_before)


def count_cells(old: np.ndarray, new: np.ndarray, periods: np.ndarray) -> tuple[int, int]:
    """Count the cells of all pairs of CVs that frames visit: the coverage that needs no observables.

    Pairs, because in the space of all CVs together hardly any two frames would share a cell.

    Args:
        old: The CVs of the frames before with ``shape=(n_old, n_cvs)``.
        new: The CVs of the frames that come with ``shape=(n_new, n_cvs)``.
        periods: The period of each CV, infinity where it has none.

    Returns:
        Their numbers before and after, added up over the pairs; over the single CV if there is but one.
    """
    origin = old.mean(axis=0)
    scales = cv_scales(old, periods)
    cells = np.floor(minimum_image(np.concatenate([old, new]) - origin, periods) / (scales * _CELL_WIDTH)).astype(int)
    n_cvs = cells.shape[1]
    groups = [list(pair) for pair in combinations(range(n_cvs), 2)] or [[0]]
    counts = [[len(np.unique(part[:, group], axis=0)) for group in groups] for part in (cells[: len(old)], cells)]
    return sum(counts[0]), sum(counts[1])


def agreement_of(encoder: Encoder, previous: Encoder, frames: np.ndarray) -> tuple[float | None, float | None]:
    """Return the smallest and the mean canonical correlation of the latents of two encoders on the same frames.

    Args:
        encoder: An encoder.
        previous: The one before, of the same atoms.
        frames: Conformations [nm] with ``shape=(n_frames, n_atoms, 3)``, of which a part is used.

    Returns:
        None and None if there are too few frames. Latents of different numbers of CVs do not agree: 0 and 0.
    """
    if encoder.cv_kinds != previous.cv_kinds:
        return 0.0, 0.0
    part = frames[:: -(-len(frames) // _MOST_FRAMES)] if len(frames) else frames
    agreement = compare_latents(
        [latent_coordinates(network.evaluate(part), network.periods) for network in (encoder, previous)]
    )
    return agreement.smallest, agreement.mean


def lost_windows(
    centers: np.ndarray, starts: np.ndarray, cvs: np.ndarray, windows: np.ndarray, periods: np.ndarray
) -> np.ndarray:
    """Return the windows that have no sample nearer to their centre than the frame they started from.

    Centres lie beyond what has been visited, and the energy budget takes few windows all the way. One that came no nearer
    at all, or failed, has not tried its part of the boundary.

    Args:
        centers: The centre of each window with ``shape=(n_windows, n_cvs)``.
        starts: The CVs of its start frame, of the same shape.
        cvs: The CVs of the samples with ``shape=(n_samples, n_cvs)``.
        windows: The index of each sample's window.
        periods: The period of each CV, infinity where it has none.

    Returns:
        The indices of the lost windows.
    """
    nearest = np.full(len(centers), np.inf)
    np.minimum.at(nearest, windows, np.linalg.norm(minimum_image(cvs - centers[windows], periods), axis=1))
    return np.flatnonzero(nearest >= np.linalg.norm(minimum_image(starts - centers, periods), axis=1))


def judge(evidence: Evidence, criteria: Criteria, n_rounds_met_before: int) -> Judgement:
    """Judge whether the rounds have converged.

    Args:
        evidence: What this round says.
        criteria: When rounds count as converged.
        n_rounds_met_before: For how many rounds in a row before it all criteria have been met.
    """
    fastest = evidence.fastest
    growth = None if fastest is None else evidence.growth[fastest]
    met = {
        "growth": growth is not None and growth < criteria.growth,
        "agreement": criteria.correlation == 0
        or (evidence.agreement is not None and evidence.agreement >= criteria.correlation),
        "lost": evidence.lost_fraction is not None and evidence.lost_fraction <= criteria.lost,
    }
    n_met = n_rounds_met_before + 1 if all(met.values()) else 0
    converged = n_met >= criteria.n_rounds
    words = {
        "growth": _of_growth(fastest, growth, criteria.growth, met["growth"]),
        "agreement": _of_agreement(evidence.agreement, criteria.correlation, met["agreement"]),
        "lost": _of_lost(evidence.lost_fraction, criteria.lost, met["lost"]),
    }
    missing = [words[name] for name in words if not met[name]]
    if missing:
        reason = f"{'; '.join(missing)} (met: {', '.join(words[name] for name in words if met[name]) or 'nothing'})"
    else:
        reason = f"{'; '.join(words.values())}, {n_met} of {criteria.n_rounds} rounds in a row"
    return Judgement(met, n_met, converged, reason)


def _of_growth(fastest: str | None, growth: float | None, threshold: float, met: bool) -> str:
    if growth is None:
        return "growth cannot be told: no new frames, or none inside the bins before"
    name = "CV space" if fastest == CVS else fastest
    verb = "hardly grows" if met else "still grows"
    return f"{name} {verb} (as frames to the power {growth:.2f}, {'below' if met else 'not below'} {threshold:g})"


def _of_agreement(agreement: float | None, threshold: float, met: bool) -> str:
    if threshold == 0:
        return "agreement of encoders is not asked for"
    if agreement is None:
        return "no encoder before to agree with, or too few frames"
    verb = "agrees" if met else "does not agree"
    return (
        f"the encoder {verb} with the one before (canonical correlation {agreement:.2f}, "
        f"{'at least' if met else 'below'} {threshold:g})"
    )


def _of_lost(fraction: float | None, threshold: float, met: bool) -> str:
    if fraction is None:
        return "there were no windows"
    verb = "few" if met else "many"
    return f"{verb} windows are lost ({fraction:.2f} of them, {'at most' if met else 'more than'} {threshold:g})"


def tabulate_evidence(rounds: "pd.DataFrame", thresholds: dict[str, float]) -> "pd.DataFrame":
    """Return the evidence of all rounds that had windows, one row a number.

    Args:
        rounds: The table of rounds.
        thresholds: The keys of the configuration by which convergence is judged.

    Returns:
        Columns quantity, series (the map, where there is one for each), round, value, and threshold where there is one.
    """
    import pandas as pd

    limits = {
        GROWTH: thresholds["convergence_growth"],
        AGREEMENT: thresholds["convergence_correlation"],
        LOST: thresholds["convergence_lost_windows"],
    }
    rows = []
    for quantity in (NEW_BINS, GROWTH, AGREEMENT, LOST):
        columns = [quantity] if quantity in rounds else [name for name in rounds if name.startswith(f"{quantity}_")]
        for column in columns:
            series = column.removeprefix(quantity).removeprefix("_")
            for _, row in rounds[rounds["n_windows"] > 0].iterrows():
                rows.append((quantity, series or None, int(row["round"]), row[column], limits.get(quantity)))
    return pd.DataFrame(rows, columns=["quantity", "series", "round", "value", "threshold"])

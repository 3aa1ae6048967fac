"""From overlapping restrained simulations to unbiased weights and free energies (MBAR)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pymbar import timeseries
from scipy.sparse import csr_array

from .encoder import minimum_image
from .errors import InputError
from .mbar import MBAREquations
from .units import thermal_energy

if TYPE_CHECKING:  # which are reweighted by this module
    from .walkers import Walkers

_SAMPLES_AT_ONCE = 20_000  # whose restraint energies are computed together, before the negligible ones are dropped
_FEWEST_BLOCKS = 4  # of a window, below which their differences say little about its error
_FEWEST_SAMPLES = 5  # of one window; with fewer its correlation time means nothing


@dataclass(frozen=True)
class Restraints:
    """The harmonic restraints of K windows.

    Attributes:
        windows: The windows' numbers with ``shape=(K,)``.
        centers: With ``shape=(K, n_cvs)``.
        force_constants: [kJ/mol per squared CV unit] with ``shape=(K,)``.
        periods: The period of each CV, infinity where it has none.
    """

    windows: np.ndarray
    centers: np.ndarray
    force_constants: np.ndarray
    periods: np.ndarray

    def select(self, chosen: np.ndarray) -> "Restraints":
        """Return some of the restraints, by a mask with ``shape=(K,)``."""
        return Restraints(self.windows[chosen], self.centers[chosen], self.force_constants[chosen], self.periods)

    def reduced_potentials(self, cvs: np.ndarray, temperature: float) -> np.ndarray:
        """Return u_kn, the restraint energies over RT with ``shape=(K, n_samples)``.

        Args:
            cvs: The samples' collective variables with ``shape=(n_samples, n_cvs)``.
            temperature: The temperature [K].
        """
        u_kn = np.empty((len(self.windows), len(cvs)))
        for k, (center, force_constant) in enumerate(zip(self.centers, self.force_constants, strict=True)):
            squared = (minimum_image(cvs - center, self.periods) ** 2).sum(axis=1)
            u_kn[k] = 0.5 * force_constant * squared / thermal_energy(temperature)
        return u_kn


def decorrelate(samples: pd.DataFrame, discard: float) -> np.ndarray:
    """Choose uncorrelated samples of every window.

    After the ramp the start of each window is dropped until it is in equilibrium, and the rest is thinned by the largest
    statistical inefficiency of its CVs (J. D. Chodera, J. Chem. Theory Comput. 12, 1799 (2016),
    doi:10.1021/acs.jctc.5b00784).

    Args:
        samples: One row a frame with window, time_ps and cv_1 ….
        discard: The time [ps] to leave out at the start of each window.

    Returns:
        The positions of the chosen rows, in the order of windows and time.
    """
    columns = cv_columns(samples)
    chosen = []
    for _, rows in samples.reset_index(drop=True).groupby("window", sort=True):
        rows = rows[rows["time_ps"] > discard]
        if len(rows) < _FEWEST_SAMPLES:
            continue
        starts, inefficiencies = zip(*(_equilibration(rows[column].to_numpy()) for column in columns), strict=True)
        rows = rows.iloc[max(starts) :]
        chosen.append(
            rows.index.to_numpy()[timeseries.subsample_correlated_data(np.zeros(len(rows)), max(inefficiencies))]
        )
    if not chosen:
        raise InputError("no production window has enough samples after its ramp; lengthen production.length_ps.")
    return np.concatenate(chosen)


def unwrap(samples: pd.DataFrame, periods: np.ndarray) -> pd.DataFrame:
    """Return samples whose circular CVs do not jump where the circle ends, for statistics of each window by itself.

    Each window's values are measured from their circular mean, by the minimum image.

    Args:
        samples: One row a frame with window and cv_1 ….
        periods: The period of each CV, infinity where it has none.
    """
    unwrapped = samples.copy()
    for column, period in zip(cv_columns(samples), periods, strict=True):
        if np.isfinite(period):
            phases = np.exp(2j * np.pi * samples[column].to_numpy() / period)
            sums = [
                pd.Series(part).groupby(samples["window"].to_numpy()).transform("sum")
                for part in (phases.real, phases.imag)
            ]
            means = np.arctan2(sums[1], sums[0]).to_numpy() * period / (2 * np.pi)
            unwrapped[column] = minimum_image(samples[column].to_numpy() - means, period)
    return unwrapped


def cv_columns(samples: pd.DataFrame) -> list[str]:
    """Return the names of the columns that hold collective variables."""
    return [column for column in samples.columns if column.startswith("cv_")]


def _equilibration(values: np.ndarray) -> tuple[int, float]:
    """Return the first sample in equilibrium, and the statistical inefficiency after it."""
    if np.ptp(values) == 0:
        return 0, 1.0
    start, inefficiency, _ = timeseries.detect_equilibration(values, fast=True, nskip=max(1, len(values) // 20))
    return int(start), float(inefficiency)


@dataclass(frozen=True)
class Weights:
    """Weights of samples in the unbiased ensemble.

    Attributes:
        rows: The rows of the samples table that were used.
        weights: Normalised weights of these rows with ``shape=(n_samples,)``.
        bootstrap: The same for each bootstrap sample, with ``shape=(n_bootstrap, n_samples)``.
        free_energies: The windows' dimensionless free energies f_k.
        shared: How many samples two windows share, Σ_n N_i W_ni N_j W_nj, with ``shape=(K, K)``.
        responsibilities: N_k W_nk, how much of each sample belongs to each window, with ``shape=(n_samples, K)``, sparse.
        windows: The windows that have samples.
        n_samples_per_state: N_k.
        equations: The MBAR equations of the rows.
    """

    rows: np.ndarray
    weights: np.ndarray
    bootstrap: np.ndarray
    free_energies: np.ndarray
    shared: np.ndarray
    responsibilities: csr_array
    windows: np.ndarray
    n_samples_per_state: np.ndarray
    equations: MBAREquations

    @property
    def overlap(self) -> np.ndarray:
        """The windows' overlap matrix with ``shape=(K, K)`` (doi:10.1007/s10822-015-9840-9)."""
        return self.shared / self.n_samples_per_state[:, None]


def estimate_weights(
    samples: pd.DataFrame,
    rows: np.ndarray,
    restraints: "Restraints | Walkers",
    temperature: float,
    n_bootstrap: int,
    random_seed: int,
    n_blocks: int | None = None,
    whole: Weights | None = None,
) -> Weights:
    """Estimate the weights of samples in the unbiased ensemble, with bootstrap samples of them.

    The bootstrap draws contiguous blocks of samples of each window, which keeps the correlation within them. Where a window has
    several pieces, blocks are as long as these, so that errors hold what differs between pieces, too slow to be seen in one.

    Args:
        samples: One row a frame with window and cv_1 …, and piece where windows have several.
        rows: The rows to use, in the order of windows.
        restraints: The restraints of all windows, or the static biases of all walkers.
        temperature: The temperature [K].
        n_bootstrap: The number of bootstrap samples.
        random_seed: Seeds the bootstrap.
        n_blocks: Into how many blocks the samples of a window fall; without it blocks are of √N_k samples, or of a piece.
        whole: What was estimated from more rows, these among them, which spares a part of the work.
    """
    used = samples.iloc[rows]
    windows = restraints.windows[np.isin(restraints.windows, used["window"].unique())]
    if whole is None:
        sampled = restraints.select(np.isin(restraints.windows, windows))
        cvs = used[cv_columns(samples)].to_numpy()
        parts = (
            sampled.reduced_potentials(cvs[start : start + _SAMPLES_AT_ONCE], temperature)
            for start in range(0, len(cvs), _SAMPLES_AT_ONCE)
        )
        equations = MBAREquations(parts, np.searchsorted(windows, used["window"].to_numpy()))
        initial = np.zeros(len(windows))
    else:
        order = np.argsort(whole.rows)
        places = order[np.searchsorted(whole.rows, rows, sorter=order)]
        equations = whole.equations.select(places, np.isin(whole.windows, windows))
        initial = whole.free_energies[np.isin(whole.windows, windows)]
    n_samples_per_state = used["window"].value_counts().reindex(windows).to_numpy()
    everything = np.ones(len(rows))
    f_k = equations.solve(n_samples_per_state, everything, initial)
    shared = equations.shared_samples(f_k, n_samples_per_state, everything)
    factorised = equations.factorise(f_k, n_samples_per_state, everything)

    rng = np.random.default_rng(random_seed)
    blocks = [n_blocks] * len(windows) if n_blocks else _blocks_of_pieces(used, windows)
    bootstrap = np.empty((n_bootstrap, len(rows)))
    for b in range(n_bootstrap):
        drawn = [block_counts(n, rng, n_of_window) for n, n_of_window in zip(n_samples_per_state, blocks, strict=True)]
        counts = np.concatenate(drawn)
        f_b = equations.resample(f_k, n_samples_per_state, counts, factorised)
        bootstrap[b] = _normalise(equations.log_weights(f_b, n_samples_per_state), counts)
    return Weights(
        rows=rows,
        weights=_normalise(equations.log_weights(f_k, n_samples_per_state), everything),
        bootstrap=bootstrap,
        free_energies=f_k,
        shared=shared,
        responsibilities=equations.responsibilities(f_k, n_samples_per_state),
        windows=windows,
        n_samples_per_state=n_samples_per_state,
        equations=equations,
    )


def block_counts(n_samples: int, rng: np.random.Generator, n_blocks: float) -> np.ndarray:
    """Count how often each sample is drawn when blocks are drawn with replacement, around the end.

    One block fewer is drawn than there are, and counts accordingly more: the spread of what is drawn is then that of the
    samples even where a window has few blocks, instead of too small by one part in their number (J. N. K. Rao & C. F. J. Wu,
    J. Am. Stat. Assoc. 83, 231 (1988), doi:10.1080/01621459.1988.10478591).

    Args:
        n_samples: The number of samples of a window.
        rng: Draws the blocks.
        n_blocks: Into how many blocks they fall.

    Returns:
        The counts, which need not be whole numbers and add up to ``n_samples``, with ``shape=(n_samples,)``.
    """
    length = max(1, round(n_samples / n_blocks))
    n_drawn = max(1, round(n_samples / length) - 1)
    starts = rng.integers(n_samples, size=n_drawn)
    drawn = (starts[:, None] + np.arange(length)).ravel() % n_samples
    return np.bincount(drawn, minlength=n_samples) * (n_samples / len(drawn))


def _blocks_of_pieces(samples: pd.DataFrame, windows: np.ndarray) -> list[float]:
    """Return into how many blocks the samples of each window fall: of √n samples, or of a piece where that is longer."""
    groups = samples.groupby("window")
    finest = np.sqrt(groups.size().reindex(windows).to_numpy())
    if "piece" not in samples:
        return finest.tolist()
    n_pieces = groups["piece"].nunique().reindex(windows).to_numpy()
    return np.where(n_pieces > 1, np.minimum(finest, np.maximum(n_pieces, _FEWEST_BLOCKS)), finest).tolist()


def _normalise(log_weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    weights = counts * np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def currents_between(weights: Weights, members: dict[str, np.ndarray], reference: str) -> np.ndarray:
    """Return how the free energy of each state against a reference state depends on those of the windows.

    Args:
        weights: The estimated weights.
        members: For each state which samples lie in it.
        reference: The reference state.

    Returns:
        For each other state with samples, the share of each window in the state minus that in the reference, with
        ``shape=(K, n_states)``.
    """

    def shares(inside: np.ndarray) -> np.ndarray:
        population = np.where(inside, weights.weights, 0.0)
        return weights.responsibilities.T @ (population / population.sum())

    sampled = [name for name, inside in members.items() if inside.any()]
    if reference not in sampled:
        return np.empty((len(weights.windows), 0))
    others = [shares(members[name]) for name in sampled if name != reference]
    return np.array(others).reshape(len(others), len(weights.windows)).T - shares(members[reference])[:, None]

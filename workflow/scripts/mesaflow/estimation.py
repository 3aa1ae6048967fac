"""From pooled production samples to the free energies of states, with what tells how far to trust them."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .allocation import dissipated_power
from .diagnostics import (
    NEGLIGIBLE_ENERGY,
    effective_samples,
    find_hidden_barriers,
    find_soft_windows,
    find_unconnected,
)
from .encoder import Encoder
from .pooling import Pool
from .populations import state_free_energies
from .randomness import derive_seed
from .reweighting import Weights, currents_between, estimate_weights, unwrap
from .states import in_state
from .units import thermal_energy

_WINDOWS_NAMED = 5  # of those that a free energy hangs on, the first


@dataclass(frozen=True)
class Estimate:
    """Free energies and what was found about them.

    Attributes:
        weights: The weights of the samples in the unbiased ensemble.
        states: Free energy and standard error [kJ/mol] of every state.
        left_out: The windows that are not connected with the start structure, and were left out.
        diagnostics: What ``diagnostics.judge`` reads of the samples.
    """

    weights: Weights
    states: dict[str, tuple[float, float]]
    left_out: np.ndarray
    diagnostics: dict


def estimate_free_energies(
    pool: Pool,
    observables: pd.DataFrame,
    coordinates: np.ndarray,
    encoder: Encoder,
    settings: dict,
    temperature: float,
    ramp: float,
    random_seed: int,
) -> Estimate:
    """Estimate the free energies of states from the windows that are connected with the start structure.

    Args:
        pool: The samples of all windows.
        observables: The observables of the samples.
        coordinates: Superposed coordinates [nm] of the samples with ``shape=(n_samples, n_coordinates)``, in which
            barriers that the collective variables do not see are looked for.
        encoder: The collective variables.
        settings: The ``free_energy`` section of a configuration: ``states``, ``reference_state`` and ``n_bootstrap``; and
            ``kinds``, those of the observables of states that are not dihedrals, if there are any.
        temperature: The temperature [K].
        ramp: The time [ps] to leave out at the start of each window.
        random_seed: Seeds the bootstrap.
    """
    samples, restraints = pool.samples, pool.restraints

    def estimate(
        rows: np.ndarray, name: str, whole: Weights | None = None
    ) -> tuple[Weights, dict[str, tuple[float, float]]]:
        seed = derive_seed(random_seed, "bootstrap", name)
        weights = estimate_weights(samples, rows, restraints, temperature, settings["n_bootstrap"], seed, whole=whole)
        return weights, estimate_states(observables.iloc[rows], weights, settings, temperature)

    rows = pool.choose_rows(ramp)
    weights, states = estimate(rows, "all")
    unwrapped = unwrap(samples, encoder.periods)
    bimodal, apart = find_hidden_barriers(unwrapped, coordinates, weights, ramp)
    soft = find_soft_windows(unwrapped, restraints, temperature, ramp)
    left_out = find_unconnected(weights, restraints, apart, encoder)
    if len(left_out):
        rows = rows[~samples["window"].iloc[rows].isin(left_out).to_numpy()]
        weights, states = estimate(rows, "connected", weights)
    halves = [estimate(half, f"half-{i}", weights)[1] for i, half in enumerate(split_halves(samples, rows))]
    used = {*weights.windows.tolist()}
    table = observables.iloc[rows]
    diagnosed = diagnose_states(table, weights, states, halves, settings)
    for name, windows in find_windows_to_extend(table, weights, settings).items():
        diagnosed[name]["windows_to_extend"] = windows
    highest = max((f for f, _ in states.values() if math.isfinite(f)), default=0.0)
    neighbours = weights.overlap - np.diag(np.diag(weights.overlap))
    diagnostics = {
        "n_samples": len(rows),
        "effective_samples": effective_samples(weights.weights),
        "smallest_best_overlap": float(neighbours.max(axis=1).min()) if len(neighbours) > 1 else 1.0,
        "windows_left_out": left_out.tolist(),
        "bimodal_windows": [window for window in bimodal if window in used],
        "soft_windows": [window for window in soft if window in used],
        "negligible_energy_RT": NEGLIGIBLE_ENERGY + highest / thermal_energy(temperature),
        "windows_apart": [list(pair) for pair in apart if used.issuperset(pair)],
        "states": diagnosed,
    }
    return Estimate(weights, states, left_out, diagnostics)


def estimate_states(
    table: pd.DataFrame, weights: Weights, settings: dict, temperature: float
) -> dict[str, tuple[float, float]]:
    """Estimate the free energy of every state with its standard error [kJ/mol], from the observables of the samples."""
    members = find_members(table, settings)
    if not members:
        return {}
    return state_free_energies(members, settings["reference_state"], weights.weights, weights.bootstrap, temperature)


def find_members(table: pd.DataFrame, settings: dict) -> dict[str, np.ndarray]:
    """Tell for each state which samples lie in it.

    Args:
        table: The observables of the samples [rad, nm or 1].
        settings: The states, and the kinds of their observables, as for ``estimate_free_energies``.
    """
    kinds = settings.get("kinds", {})
    return {name: in_state(table, ranges, kinds) for name, ranges in settings["states"].items()}


def split_halves(samples: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into the first and the second half of every window."""
    used = samples.iloc[rows]
    rank = used.groupby("window").cumcount().to_numpy()
    size = used.groupby("window")["window"].transform("size").to_numpy()
    return rows[rank < size / 2], rows[rank >= size / 2]


def diagnose_states(
    table: pd.DataFrame,
    weights: Weights,
    states: dict[str, tuple[float, float]],
    halves: list[dict[str, tuple[float, float]]],
    settings: dict,
) -> dict[str, dict]:
    """Compare the halves of the data, and count the effective samples of each state."""
    found, members = {}, find_members(table, settings)
    for name, (free_energy, error) in states.items():
        (first, first_error), (second, second_error) = (half[name] for half in halves)
        spread = math.hypot(first_error, second_error)
        undefined = 0.0 if first == second else math.nan  # of the reference state, and of one with the same samples
        found[name] = {
            "free_energy_kJ_per_mol": finite_or_none(free_energy),
            "standard_error_kJ_per_mol": finite_or_none(error),
            "first_half_kJ_per_mol": finite_or_none(first),
            "second_half_kJ_per_mol": finite_or_none(second),
            "split_half_difference_in_errors": finite_or_none(
                abs(second - first) / spread if spread > 0 else undefined
            ),
            "effective_samples": effective_samples(weights.weights[members[name]]),
        }
    return found


def find_windows_to_extend(table: pd.DataFrame, weights: Weights, settings: dict) -> dict[str, list[int]]:
    """Find for each state the windows whose further simulation makes the error of its free energy smaller first.

    Args:
        table: The observables of the samples [rad, nm or 1].
        weights: The weights of the samples.
        settings: The states, as for ``estimate_free_energies``.
    """
    members = find_members(table, settings)
    found: dict[str, list[int]] = {name: [] for name in members}
    for name in members:
        pair = {settings["reference_state"]: members[settings["reference_state"]], name: members[name]}
        current = currents_between(weights, pair, settings["reference_state"])
        if current.size:
            gain = dissipated_power(weights.shared, current) / weights.n_samples_per_state
            found[name] = weights.windows[np.argsort(-gain, kind="stable")[:_WINDOWS_NAMED]].tolist()
    return found


def finite_or_none(value: float) -> float | None:
    """Return a number as JSON knows it."""
    return float(value) if math.isfinite(value) else None

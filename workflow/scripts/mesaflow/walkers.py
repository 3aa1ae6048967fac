"""Walkers: long simulations from all states that were found, each under a bias of its own (OPES).

A walker builds its bias while it explores, then samples under what it has built. Samples under a static bias need no
assumption to be reweighted, and the walkers are thermodynamic states whose samples MBAR combines. They exchange nothing while
they run, so that where they agree they do so independently.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .diagnostics import effective_samples
from .encoder import Encoder
from .errors import InputError
from .estimation import (
    Estimate,
    diagnose_states,
    estimate_states,
    find_members,
    finite_or_none,
    split_halves,
)
from .opes import OpesPotential, OpesSettings
from .populations import state_free_energies
from .randomness import derive_seed
from .reweighting import Weights, block_counts, cv_columns, estimate_weights
from .units import thermal_energy

N_BLOCKS = 10
"""Blocks that the samples of a walker fall into for its standard errors; a block must be longer than a crossing takes."""

_CORE = 3.0  # RT above the lowest free energy of a state, up to which a walker is sure to be in it


@dataclass(frozen=True)
class Walkers:
    """The static biases of K walkers.

    Attributes:
        windows: The walkers' numbers with ``shape=(K,)``.
        potentials: Their biases.
    """

    windows: np.ndarray
    potentials: tuple[OpesPotential, ...]

    def select(self, chosen: np.ndarray) -> "Walkers":
        """Return some of the walkers, by a mask with ``shape=(K,)``."""
        return Walkers(self.windows[chosen], tuple(self.potentials[k] for k in np.flatnonzero(chosen)))

    def reduced_potentials(self, cvs: np.ndarray, temperature: float) -> np.ndarray:
        """Return u_kn, the biases over RT with ``shape=(K, n_samples)``.

        Args:
            cvs: The samples' collective variables with ``shape=(n_samples, n_cvs)``.
            temperature: The temperature [K].
        """
        return np.array([potential.energies(cvs) for potential in self.potentials]) / thermal_energy(temperature)


def rebuild_biases(
    samples: pd.DataFrame, statuses: list[dict], opes: dict, encoder: Encoder, temperature: float
) -> Walkers:
    """Build the walkers' static biases again, from what they recorded.

    Args:
        samples: One row a frame: window, time_ps, cv_1 ….
        statuses: How each walker went.
        opes: The ``production.opes`` section of a configuration.
        encoder: The collective variables.
        temperature: The temperature [K].

    Raises:
        InputError: If no walker has finished.
    """
    windows, potentials = [], []
    for status in statuses:
        if status["outcome"] == "finished":
            settings = OpesSettings.from_config(opes | {"barrier_kJ_per_mol": status["barrier_kJ_per_mol"]})
            potential = OpesPotential(settings, encoder.periods, temperature)
            recorded = samples.loc[samples["window"] == status["window"], cv_columns(samples)].to_numpy()
            for cvs in np.ascontiguousarray(recorded[: settings.n_kernels]):
                potential.deposit(cvs)
            windows.append(status["window"])
            potentials.append(potential)
    if not windows:
        raise InputError("no walker has finished; see its status.json, and lower production.opes.barrier_kJ_per_mol.")
    return Walkers(np.array(windows), tuple(potentials))


def estimate_from_walkers(
    samples: pd.DataFrame,
    observables: pd.DataFrame,
    walkers: Walkers,
    settings: dict,
    temperature: float,
    build: float,
    random_seed: int,
) -> Estimate:
    """Estimate the free energies of states from what walkers sampled under their static biases.

    Args:
        samples: One row a frame: window, time_ps, cv_1 ….
        observables: The observables of the samples.
        walkers: Their static biases.
        settings: The ``free_energy`` section of a configuration, as for ``estimate_free_energies``.
        temperature: The temperature [K].
        build: The time [ps] in which the biases were built, which is left out.
        random_seed: Seeds the bootstrap.
    """

    def estimate(rows: np.ndarray, name: str, whole: Weights | None = None):
        seed = derive_seed(random_seed, "bootstrap", name)
        weights = estimate_weights(
            samples, rows, walkers, temperature, settings["n_bootstrap"], seed, n_blocks=N_BLOCKS, whole=whole
        )
        return weights, estimate_states(observables.iloc[rows], weights, settings, temperature)

    static = (samples["time_ps"] > build).to_numpy() & samples["window"].isin(walkers.windows).to_numpy()
    rows = np.flatnonzero(static)
    rows = rows[np.argsort(samples["window"].to_numpy()[rows], kind="stable")]
    weights, states = estimate(rows, "all")
    halves = [estimate(half, f"half-{i}", weights)[1] for i, half in enumerate(split_halves(samples, rows))]
    members = find_members(observables.iloc[rows], settings)
    used = samples.iloc[rows]
    alone = estimate_alone(
        used, members, walkers, settings, temperature, derive_seed(random_seed, "bootstrap", "alone")
    )
    reference = settings["reference_state"]
    states = {
        state: values if state == reference else widen(*values, alone[state][0]) for state, values in states.items()
    }
    n_crossings = count_crossings(used["window"].to_numpy(), members, settings["reference_state"], weights.weights)
    diagnostics = {
        "n_samples": len(rows),
        "effective_samples": effective_samples(weights.weights),
        "windows_left_out": [],
        "reference_state": settings["reference_state"],
        "states": diagnose_states(observables.iloc[rows], weights, states, halves, settings),
        "walkers": {
            state: {"numbers": walkers.windows.tolist(), "crossings": n_crossings[state]}
            | compare_walkers(*alone[state])
            for state in n_crossings
        },
    }
    return Estimate(weights, states, np.array([], dtype=int), diagnostics)


def estimate_alone(
    samples: pd.DataFrame,
    members: dict[str, np.ndarray],
    walkers: Walkers,
    settings: dict,
    temperature: float,
    random_seed: int,
) -> dict[str, tuple[list[float], list[float]]]:
    """Estimate the free energies of states from each walker alone, from the samples under its static bias.

    Args:
        samples: One row a frame, those under static biases only.
        members: For each state which samples lie in it.
        walkers: Their static biases.
        settings: The ``free_energy`` section of a configuration.
        temperature: The temperature [K].
        random_seed: Seeds the bootstrap.

    Returns:
        For each state the walkers' free energies and their standard errors [kJ/mol]; NaN where a walker never was.
    """
    rng = np.random.default_rng(random_seed)
    found: dict[str, tuple[list[float], list[float]]] = {state: ([], []) for state in members}
    for window in walkers.windows:
        rows = np.flatnonzero(samples["window"].to_numpy() == window)
        cvs = samples[cv_columns(samples)].to_numpy()[rows]
        exponents = walkers.select(walkers.windows == window).reduced_potentials(cvs, temperature)[0]
        weights = np.exp(exponents - exponents.max())
        drawn = np.array([weights * block_counts(len(rows), rng, N_BLOCKS) for _ in range(settings["n_bootstrap"])])
        inside = {state: member[rows] for state, member in members.items()}
        if members:
            values = state_free_energies(inside, settings["reference_state"], weights, drawn, temperature)
            for state, (free_energy, error) in values.items():
                found[state][0].append(free_energy)
                found[state][1].append(error)
    return found


def widen(free_energy: float, error: float, alone: list[float]) -> tuple[float, float]:
    """Return a free energy with the larger of two standard errors: by the bootstrap, and by the spread of the walkers.

    Blocks that are too short, or a motion slower than a walker, make the first too small; the walkers, which are independent,
    show it.

    Args:
        free_energy: The free energy of a state [kJ/mol].
        error: Its standard error by the bootstrap [kJ/mol].
        alone: What each walker finds alone [kJ/mol]; where one finds nothing the error is unknown.
    """
    return free_energy, float(
        np.maximum(error, np.std(alone, ddof=1) / np.sqrt(len(alone)) if len(alone) > 1 else np.nan)
    )


def compare_walkers(free_energies: list[float], errors: list[float]) -> dict:
    """Compare what walkers find alone.

    Args:
        free_energies: Of one state, one a walker [kJ/mol].
        errors: Their standard errors [kJ/mol].

    Returns:
        Both, and the standard deviation of the free energies relative to what the standard errors let expect: about 1 where
        the walkers sample the same, None where one of them never was.
    """
    spread = np.std(free_energies, ddof=1) if len(free_energies) > 1 else np.nan
    expected = np.sqrt(np.mean(np.square(errors)))
    return {
        "free_energies_kJ_per_mol": [finite_or_none(value) for value in free_energies],
        "standard_errors_kJ_per_mol": [finite_or_none(value) for value in errors],
        "spread_in_errors": finite_or_none(spread / expected) if expected > 0 else None,
    }


def count_crossings(
    windows: np.ndarray, members: dict[str, np.ndarray], reference: str, weights: np.ndarray
) -> dict[str, list[int]]:
    """Count how often each walker went from the reference state to another one or back.

    What lies within ``_CORE`` of the lowest free energy of a state is its core; a walker has crossed when it comes to the core of
    the other state after that of the first, however often it turns on the barrier. As biases make walkers visit everything
    about equally often, the weight of a sample tells the free energy where it lies. A state that the reference holds is
    compared with the rest of it.

    Args:
        windows: Each sample's walker, in the order of walkers and time.
        members: For each state which samples lie in it.
        reference: The reference state.
        weights: The samples' weights in the unbiased ensemble.

    Returns:
        For each other state the number of crossings of each walker.
    """
    crossings = {}
    for state, inside in members.items():
        if state == reference:
            continue
        place = np.zeros(len(windows), dtype=int)
        for number, part in ((1, inside), (2, members[reference] & ~inside)):
            if part.any():
                place[part & (weights > weights[part].max() * np.exp(-_CORE))] = number
        visited = [place[(windows == window) & (place > 0)] for window in np.unique(windows)]
        crossings[state] = [int(np.count_nonzero(np.diff(places))) for places in visited]
    return crossings

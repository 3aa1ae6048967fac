"""The same run for several random seeds: what each came to, how far from published values, and how far the runs spread."""

import math
from typing import Any

import numpy as np
import pandas as pd

from .growth import bins_after, reached_after
from .published import free_energy_near
from .summary import low_to_high

_FREE_ENERGY = "free_energy_kJ_per_mol"
_ERROR = "standard_error_kJ_per_mol"
_DEVIATION = "deviation_kJ_per_mol"
_IN_ERRORS = "deviation_in_errors"
_REACHED = "reached_ns_"
_BINS = "n_bins_visited_"
_TRUSTED = "trustworthy"
WITHIN_ERRORS = 2.0
"""Standard errors within which a value is said to agree, as 95 of 100 would."""


def describe_seed(
    run: str,
    random_seed: int,
    growth: pd.DataFrame,
    states: pd.DataFrame,
    profiles: dict[str, pd.DataFrame],
    rounds: pd.DataFrame,
    diagnostics: dict,
    costs: pd.DataFrame,
    reference_state: str,
    published: pd.DataFrame,
    coverage_ns: float | None,
) -> dict[str, Any]:
    """Return a run's line of the validation.

    Args:
        run: Its name.
        random_seed: Its random seed.
        growth: What it had visited after how much simulated time.
        states: Its table of states.
        profiles: Its profiles by their observables.
        rounds: Its table of rounds.
        diagnostics: The diagnostics of its free energies.
        costs: Its table of costs.
        reference_state: The state whose free energy is zero, which is left out.
        published: The published values.
        coverage_ns: The simulated time by which bins are counted [ns]; None for all of it.
    """
    line: dict[str, Any] = {"run": run, "random_seed": random_seed}
    line |= {f"{_REACHED}{state}": time for state, time in reached_after(growth).items()}
    line |= {f"{_BINS}{name}": count for name, count in bins_after(growth, coverage_ns).items()}
    measured = {
        row["state"]: (row[_FREE_ENERGY], row[_ERROR])
        for _, row in states.iterrows()
        if row["state"] != reference_state
    }
    for _, row in published[published["observable"] != ""].iterrows():
        measured[row["quantity"]] = free_energy_near(profiles[row["observable"]], row["value_deg"])
    expected = dict(zip(published["quantity"], published[_FREE_ENERGY], strict=True))
    for name, (value, error) in measured.items():
        line |= {f"{_FREE_ENERGY}_{name}": value, f"{_ERROR}_{name}": error}
        if name in expected:
            deviation = value - expected[name]
            line[f"{_DEVIATION}_{name}"] = deviation
            line[f"{_IN_ERRORS}_{name}"] = deviation / error if error else math.nan
    return line | {
        "md_ns_rounds": rounds["md_ns_total"].iloc[-1],
        "md_ns": rounds["md_ns_total"].iloc[-1] + diagnostics["md_ns"],
        "wall_hours": costs["wall_hours"].sum(),
        "core_hours": costs["core_hours"].sum(),
        "verdict": diagnostics["verdict"],
    }


def quantities_of(table: pd.DataFrame) -> list[str]:
    """Return the states and points of profiles whose free energies a validation has."""
    return [name.removeprefix(f"{_FREE_ENERGY}_") for name in table if name.startswith(f"{_FREE_ENERGY}_")]


def states_reached_in(table: pd.DataFrame) -> list[str]:
    """Return the states of which a validation says when they were reached."""
    return [name.removeprefix(_REACHED) for name in table if name.startswith(_REACHED)]


def mean_and_error(values: pd.Series) -> tuple[float, float]:
    """Return the mean over the runs, and its standard error from their spread; NaN for a single run."""
    found = values.dropna()
    if found.empty:
        return math.nan, math.nan
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else math.nan


def summarise_validation(name: str, table: pd.DataFrame, published: pd.DataFrame, reference_state: str) -> str:
    """Summarise a validation in a few lines.

    Args:
        name: The folder of its results.
        table: A line a run.
        published: The published values.
        reference_state: The state whose free energy is zero.
    """
    n_runs, states = len(table), states_reached_in(table)
    seeds = ", ".join(str(seed) for seed in table["random_seed"])
    lines = [f"mesaflow validation {name}: {_count(n_runs, 'run')}, random seed{'s' * (n_runs > 1)} {seeds}", ""]
    if states:
        all_reached = table[[f"{_REACHED}{state}" for state in states]].notna().all(axis=1).sum()
        lines.append(f"reached      every state by {all_reached} of {n_runs}")
    for state in states:
        times = table[f"{_REACHED}{state}"].dropna()
        after = f", after {low_to_high(times, '.1f')} ns" if len(times) else ""
        lines.append(f"             {state} by {len(times)} of {n_runs}{after}")
    for column in [column for column in table if column.startswith(_BINS)]:
        lines.append(f"coverage     {low_to_high(table[column], '.0f')} bins of {column.removeprefix(_BINS)}")
    points = published[published["observable"] != ""].set_index("quantity")
    expected = dict(zip(published["quantity"], published[_FREE_ENERGY], strict=True))
    for quantity in quantities_of(table):
        if (table[f"{_ERROR}_{quantity}"] == 0).all():
            continue  # the zero of a profile
        what = f"ΔF           {quantity} − {reference_state}"
        if quantity in points.index:
            point = points.loc[quantity]
            profile = f"F({point['observable']})"
            what = f"{profile:12} {point['label']} at {point['value_deg']:g}°"
        lines.append(f"{what}: {_describe_quantity(table, quantity, expected.get(quantity))}")
    trusted = (table["verdict"] == _TRUSTED).sum()
    lines += [
        f"simulated    {low_to_high(table['md_ns'], '.1f')} ns a run",
        f"cost         {low_to_high(table['wall_hours'], '.2f')} hours of jobs a run",
        f"verdict      {_TRUSTED} in {trusted} of {n_runs}",
        "",
        "open",
        f"  results/{name}/validation.svg    coverage and free energies of all runs",
        f"  results/{name}/validation.csv    one line a run",
    ]
    return "\n".join(lines) + "\n"


def _describe_quantity(table: pd.DataFrame, quantity: str, expected: float | None) -> str:
    values = table[f"{_FREE_ENERGY}_{quantity}"]
    mean, error = mean_and_error(values)
    if math.isnan(mean):
        return "reached by no run"
    text = f"mean {mean:.2f}"
    text += f" ± {error:.2f}" if math.isfinite(error) else ""
    text += f" kJ/mol ({low_to_high(values.dropna(), '.2f')})"
    if expected is None:
        return text
    deviations = table[f"{_DEVIATION}_{quantity}"].abs()
    text += f"; published {expected:g}, mean {mean - expected:+.2f}, farthest {deviations.max():.2f}"
    in_errors = table[f"{_IN_ERRORS}_{quantity}"].abs().dropna()
    if in_errors.empty:
        return text
    within = (in_errors <= WITHIN_ERRORS).sum()
    return f"{text}; {within} of {len(table)} within {WITHIN_ERRORS:g} standard errors"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"

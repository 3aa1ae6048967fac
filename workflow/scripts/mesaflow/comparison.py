"""The runs of a sweep side by side."""

from typing import Any

import pandas as pd

_FREE_ENERGY = "free_energy_kJ_per_mol"
_ERROR = "standard_error_kJ_per_mol"
_BINS = "n_bins_visited_"


def describe_run(
    run: str,
    settings: dict[str, Any],
    rounds: pd.DataFrame,
    states: pd.DataFrame,
    diagnostics: dict,
    costs: pd.DataFrame,
    reference_state: str,
) -> dict[str, Any]:
    """Return a run's line of the comparison.

    Args:
        run: Its name.
        settings: Its values of the keys in which the runs differ, by dotted keys.
        rounds: Its table of rounds.
        states: Its table of states.
        diagnostics: The diagnostics of its free energies.
        costs: Its table of costs.
        reference_state: The state whose free energy is zero, which is left out.
    """
    last = rounds.iloc[-1]
    line = {"run": run, **settings}
    for _, state in states[states["state"] != reference_state].iterrows():
        line[f"{_FREE_ENERGY}_{state['state']}"] = state[_FREE_ENERGY]
        line[f"{_ERROR}_{state['state']}"] = state[_ERROR]
    line |= {column: last[column] for column in rounds.columns if column.startswith(_BINS)}
    return line | {
        "fve": last["fve"],
        "n_rounds_with_windows": int((rounds["n_windows"] > 0).sum()),
        "converged": bool(last["converged"]),
        "md_ns": last["md_ns_total"] + diagnostics["md_ns"],
        "wall_hours": costs["wall_hours"].sum(),
        "core_hours": costs["core_hours"].sum(),
        "shared_core_hours": costs.loc[costs["folder"] != run, "core_hours"].sum(),
        "verdict": diagnostics["verdict"],
    }


def tabulate_comparison(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of runs, with columns in one order: name, settings, free energies, coverage, the rest.

    The values of a state or map that a run has not defined are missing.
    """
    columns = list(dict.fromkeys(name for line in lines for name in line))
    groups = [
        [name for name in columns if name == "run"],
        [name for name in columns if "." in name or name == "random_seed"],
        [name for name in columns if name.startswith((_FREE_ENERGY, _ERROR))],
        [name for name in columns if name.startswith(_BINS)],
    ]
    first = [name for group in groups for name in group]
    return pd.DataFrame(lines, columns=[*first, *(name for name in columns if name not in first)])


def states_of(table: pd.DataFrame) -> list[str]:
    """Return the states whose free energies a comparison has."""
    return [name.removeprefix(f"{_FREE_ENERGY}_") for name in table if name.startswith(f"{_FREE_ENERGY}_")]


def maps_of(table: pd.DataFrame) -> list[str]:
    """Return the coverage maps whose bins a comparison counts."""
    return [name.removeprefix(_BINS) for name in table if name.startswith(_BINS)]

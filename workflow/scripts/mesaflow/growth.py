"""How far a run has come after how much simulated time: bins visited, and states reached."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from .coverage import visited_bins
from .kinds import Axis
from .states import in_state

_N_POINTS = 40  # along the curve of unbiased simulations
_TIME = "md_ns"
_BINS = "n_bins_visited_"
_REACHED = "reached_"


def growth_of_stages(
    tables: Iterable[pd.DataFrame],
    md_ns: Iterable[float],
    maps: dict[str, list[Axis]],
    cores: dict[str, dict[str, list[float]]],
    kinds: dict[str, str],
) -> pd.DataFrame:
    """Tell what the stages up to each have visited together.

    The simulations of a stage run side by side, so that only the time at its end is told.

    Args:
        tables: The measured observables of each stage [rad, nm or 1].
        md_ns: The simulated time at the end of each [ns].
        maps: The axes of each map.
        cores: For each state the ranges that a frame must lie in.
        kinds: The kinds of the observables of states that are not dihedrals.

    Returns:
        A row a stage: ``md_ns``, ``n_bins_visited_<map>`` for each map and ``reached_<state>`` for each state.
    """
    visited: dict[str, np.ndarray] = {}
    reached = dict.fromkeys(cores, False)
    rows = []
    for table, time in zip(tables, md_ns, strict=True):
        for name, axes in maps.items():
            visited[name] = visited_bins(table, axes) | visited.get(name, False)
        for state, ranges in cores.items():
            reached[state] = reached[state] or bool(in_state(table, ranges, kinds).any())
        n_bins = {f"{_BINS}{name}": int(bins.sum()) for name, bins in visited.items()}
        rows.append({_TIME: time} | n_bins | {f"{_REACHED}{state}": value for state, value in reached.items()})
    return pd.DataFrame(rows)


def growth_of_replicas(
    table: pd.DataFrame,
    ns_per_frame: float,
    maps: dict[str, list[Axis]],
    cores: dict[str, dict[str, list[float]]],
    kinds: dict[str, str],
) -> pd.DataFrame:
    """Tell what unbiased simulations, run side by side, have visited by a total simulated time, as ``growth_of_stages``."""
    part = np.ceil((table["frame"] + 1) / (table["frame"].max() + 1) * _N_POINTS)
    parts = [rows for _, rows in table.groupby(part)]
    md_ns = np.cumsum([len(rows) for rows in parts]) * ns_per_frame
    return growth_of_stages(parts, md_ns, maps, cores, kinds)


def reached_after(growth: pd.DataFrame) -> dict[str, float]:
    """Return for every state the simulated time [ns] by which it was reached; NaN where it was not."""
    states = [name.removeprefix(_REACHED) for name in growth if name.startswith(_REACHED)]
    times = {state: growth.loc[growth[f"{_REACHED}{state}"], _TIME] for state in states}
    return {state: float(found.iloc[0]) if len(found) else np.nan for state, found in times.items()}


def bins_after(growth: pd.DataFrame, md_ns: float | None) -> dict[str, int]:
    """Return for every map the number of bins visited at the last point by a simulated time [ns], None for the end."""
    maps = [name.removeprefix(_BINS) for name in growth if name.startswith(_BINS)]
    within = growth if md_ns is None else growth[growth[_TIME] <= md_ns]
    return {name: int(within[f"{_BINS}{name}"].max()) if len(within) else 0 for name in maps}

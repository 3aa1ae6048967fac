"""Methods side by side, each for several random seeds: what they reached after how much simulated time."""

from typing import Any

import numpy as np
import pandas as pd

from .growth import bins_after, reached_after
from .summary import low_to_high

_BINS = "n_bins_visited_"
_REACHED = "reached_ns_"
_N_POINTS = 60  # along the curve of a method


def describe_method(
    method: str, random_seed: int, run: str, growth: pd.DataFrame, coverage_ns: float | None
) -> dict[str, Any]:
    """Return the line of a method's run.

    Args:
        method: Its name.
        random_seed: The random seed of the run.
        run: The name of the run.
        growth: What it had visited after how much simulated time.
        coverage_ns: The simulated time by which bins are counted [ns]; None for all of it.
    """
    line: dict[str, Any] = {"method": method, "random_seed": random_seed, "run": run}
    line |= {f"{_REACHED}{state}": time for state, time in reached_after(growth).items()}
    line |= {f"{_BINS}{name}": count for name, count in bins_after(growth, coverage_ns).items()}
    return line | {"md_ns": growth["md_ns"].iloc[-1]}


def spread_of_growth(growths: list[pd.DataFrame]) -> pd.DataFrame:
    """Return how many bins the runs of a method have visited by a simulated time.

    Args:
        growths: What each run had visited; between two of its points bins are taken to grow evenly.

    Returns:
        A row a map and time: ``map``, ``md_ns``, and ``lowest``, ``median`` and ``highest`` over the runs, from where the last run
        begins to where the first one ends.
    """
    begin = max(growth["md_ns"].iloc[0] for growth in growths)
    end = min(growth["md_ns"].iloc[-1] for growth in growths)
    times = np.linspace(begin, end, _N_POINTS if end > begin else 1)
    rows = []
    for column in [column for column in growths[0] if column.startswith(_BINS)]:
        counts = np.array([np.interp(times, growth["md_ns"], growth[column]) for growth in growths])
        rows.append(
            pd.DataFrame(
                {
                    "map": column.removeprefix(_BINS),
                    "md_ns": times,
                    "lowest": counts.min(axis=0),
                    "median": np.median(counts, axis=0),
                    "highest": counts.max(axis=0),
                }
            )
        )
    columns = ["map", "md_ns", "lowest", "median", "highest"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def summarise_baselines(name: str, table: pd.DataFrame) -> str:
    """Summarise what each method came to in a few lines.

    Args:
        name: The folder of the results.
        table: A line a run.
    """
    lines = [f"mesaflow methods {name}", ""]
    for method, rows in table.groupby("method", sort=False):
        parts = []
        for column in [column for column in table if column.startswith(_BINS)]:
            counts = rows[column]
            parts.append(
                f"{counts.median():.0f} ({counts.min():.0f} to {counts.max():.0f}) bins of {column.removeprefix(_BINS)}"
            )
        for column in [column for column in table if column.startswith(_REACHED)]:
            found = rows[column].dropna()
            after = f" after {found.min():.1f} to {found.max():.1f} ns" if len(found) else ""
            parts.append(f"{column.removeprefix(_REACHED)} by {len(found)} of {len(rows)}{after}")
        parts.append(f"{low_to_high(rows['md_ns'], '.1f')} ns")
        lines.append(f"{method:12} {'; '.join(parts)}")
    lines += ["", "open", f"  results/{name}/coverage.svg      coverage over simulated time by method"]
    return "\n".join([*lines, f"  results/{name}/baselines.csv    one line a run"]) + "\n"

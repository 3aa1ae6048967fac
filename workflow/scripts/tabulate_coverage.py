"""Tabulate in which round each bin of a map was first visited, and how coverage grows with simulated time."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd

from mesaflow.coverage import axes_of, visited_bins
from mesaflow.files import write_csv
from mesaflow.kinds import Axis

BASELINE_POINTS = 40  # along the curve of the unbiased simulations


def first_visits(tables: list[pd.DataFrame], axes: list[Axis]) -> pd.DataFrame:
    """Return one row a visited bin: the middles of its edges, in units as the columns are called, and the round, 0 for the seed, that reached it first."""
    visited = np.array([visited_bins(table, axes) for table in tables])
    first = np.where(visited.any(axis=0), visited.argmax(axis=0), -1)
    cells = np.nonzero(first >= 0)
    rows = {axis.column: axis.middles[cell] for axis, cell in zip(axes, cells, strict=True)}
    return pd.DataFrame(rows | {"first_round": first[cells]})


def growth_of_baseline(table: pd.DataFrame, axes: list[Axis], ns_per_frame: float) -> pd.DataFrame:
    """Return the number of bins that unbiased simulations, run side by side, have visited by a total simulated time."""
    rows = []
    for fraction in np.linspace(1 / BASELINE_POINTS, 1, BASELINE_POINTS):
        last = table.groupby("trajectory")["frame"].transform("max") * fraction
        part = table[table["frame"] <= last]
        n_bins = int(visited_bins(part, axes).sum())
        rows.append(("unbiased", len(part) * ns_per_frame, n_bins))
    return pd.DataFrame(rows, columns=["simulation", "md_ns", "n_bins_visited"])


def main(snakemake):
    axes = axes_of(snakemake.params.axes, snakemake.params.observables)
    with log_to(snakemake.log[0]):
        tables = [pd.read_parquet(path) for path in snakemake.input.observables]
        first = first_visits(tables, axes)
        write_csv(snakemake.output.maps, first)
        rounds = pd.read_csv(snakemake.input.rounds)
        growth = pd.DataFrame(
            {
                "simulation": "rounds",
                "md_ns": [snakemake.params.seed_ns, *rounds["md_ns_total"]],
                "n_bins_visited": [int((first["first_round"] <= r).sum()) for r in range(len(tables))],
            }
        )
        parts = [growth]
        if snakemake.input.baseline:
            baseline = pd.read_parquet(snakemake.input.baseline[0])
            parts.append(growth_of_baseline(baseline, axes, snakemake.params.baseline_ns_per_frame))
        write_csv(snakemake.output.growth, pd.concat(parts, ignore_index=True))


if __name__ == "__main__":
    main(snakemake)

"""The figure that puts the runs of a sweep side by side."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from .comparison import maps_of, states_of
from .plotting import greek

_MARKERS = "os^Dv<>P"
_ROW_HEIGHT = 0.26  # inch
_PANEL_WIDTH = 2.4  # inch


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Draw for every run the free energies with their standard errors, the coverage, the simulated time and the cost.

    Args:
        table: The comparison.
    """
    states, maps = states_of(table), maps_of(table)
    panels = [*(["states"] if states else []), *(["maps"] if maps else []), "md_ns", "core_hours"]
    longest = max(len(run) for run in table["run"])
    size = (_PANEL_WIDTH * len(panels) + 0.07 * longest, 1.4 + _ROW_HEIGHT * len(table))
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    rows = np.arange(len(table))
    for axis, panel in zip(axes[0], panels, strict=True):
        match panel:
            case "states":
                _draw_states(axis, table, states)
            case "maps":
                _draw_maps(axis, table, maps)
            case "md_ns":
                axis.barh(rows, table["md_ns"], height=0.6, color="0.7", edgecolor="0.2", linewidth=0.6)
                axis.set_xlabel("simulated time [ns]")
            case "core_hours":
                _draw_cost(axis, table)
        axis.grid(axis="x", color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
    labels = [
        f"{run}{'' if verdict == 'trustworthy' else ' *'}"
        for run, verdict in zip(table["run"], table["verdict"], strict=True)
    ]
    axes[0, 0].set_yticks(rows, labels)
    axes[0, 0].set_ylim(len(table) - 0.5, -0.5)
    if (table["verdict"] != "trustworthy").any():
        figure.supxlabel("* verdict: not yet to be trusted", fontsize=8, x=0.01, ha="left")
    return figure


def _draw_states(axis: plt.Axes, table: pd.DataFrame, states: list[str]) -> None:
    """Draw free energies as points with error bars, one below the other within a run's row."""
    offsets = (np.arange(len(states)) - (len(states) - 1) / 2) * min(0.22, 0.7 / len(states))
    greys = np.linspace(0.0, 0.6, len(states))
    for i, state in enumerate(states):
        axis.errorbar(
            table[f"free_energy_kJ_per_mol_{state}"],
            np.arange(len(table)) + offsets[i],
            xerr=table[f"standard_error_kJ_per_mol_{state}"],
            fmt=_MARKERS[i % len(_MARKERS)],
            color=str(greys[i]),
            markersize=4,
            linewidth=1,
            capsize=2,
            label=state,
        )
    axis.set_xlabel("ΔF ± standard error [kJ/mol]")
    axis.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(states), 3), columnspacing=1)


def _draw_maps(axis: plt.Axes, table: pd.DataFrame, maps: list[str]) -> None:
    for i, name in enumerate(maps):
        label = ", ".join(greek(part) for part in name.split("_"))
        axis.plot(
            table[f"n_bins_visited_{name}"],
            np.arange(len(table)),
            _MARKERS[i % len(_MARKERS)],
            color=str(0.6 * i / max(len(maps) - 1, 1)),
            markersize=5,
            label=label,
        )
    axis.set_xlim(0, 1.1 * max(1, *(table[f"n_bins_visited_{name}"].max() for name in maps)))
    axis.set_xlabel("bins visited")
    axis.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(maps), 3), columnspacing=1)


def _draw_cost(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Draw core hours, those shared with other runs hatched."""
    rows, shared = np.arange(len(table)), table["shared_core_hours"]
    own = table["core_hours"] - shared
    axis.barh(rows, own, height=0.6, color="0.7", edgecolor="0.2", linewidth=0.6, label="own")
    if (shared > 0).any():
        axis.barh(
            rows,
            shared,
            left=own,
            height=0.6,
            color="white",
            edgecolor="0.2",
            linewidth=0.6,
            hatch="////",
            label="shared",
        )
        axis.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, columnspacing=1)
    axis.set_xlabel("core hours")

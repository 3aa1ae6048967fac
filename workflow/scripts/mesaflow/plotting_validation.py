"""The figure that puts the runs of a validation side by side."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from .plotting import greek
from .validation import mean_and_error

_FREE_ENERGY = "free_energy_kJ_per_mol"
_ERROR = "standard_error_kJ_per_mol"
_BINS = "n_bins_visited_"
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = "os^Dv<>P"
_PANELS_IN_A_ROW = 2
_WIDTH, _HEIGHT = 4.3, 3.1  # inch


def draw_validation(
    table: pd.DataFrame, growth: pd.DataFrame, profiles: pd.DataFrame, published: pd.DataFrame
) -> Figure:
    """Draw for every random seed the free energies of the states, the growth of coverage, and profiles over each other.

    Args:
        table: The validation, a line a run.
        growth: The bins that each run has visited after how much simulated time.
        profiles: The profiles of all runs.
        published: The published values.
    """
    of_states = published[published["observable"].isna() | (published["observable"] == "")].set_index("quantity")
    points = published["quantity"].to_list()
    columns = [name.removeprefix(f"{_FREE_ENERGY}_") for name in table if name.startswith(f"{_FREE_ENERGY}_")]
    states = [name for name in columns if name in of_states.index or name not in points]
    maps = [name.removeprefix(_BINS) for name in growth if name.startswith(_BINS)]
    observables = list(dict.fromkeys(profiles["observable"]))
    n_panels = max(1, len(states) + len(maps) + len(observables))
    n_columns = min(_PANELS_IN_A_ROW, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(_WIDTH * n_columns, _HEIGHT * n_rows), squeeze=False)
    panels = iter(axes.flat)
    for state in states:
        expected = of_states[_FREE_ENERGY].get(state, math.nan)
        _draw_state(next(panels), table, state, expected)
    for name in maps:
        _draw_growth(next(panels), growth, name)
    for observable in observables:
        rows = published[published["observable"] == observable]
        _draw_profiles(next(panels), profiles[profiles["observable"] == observable], rows, observable)
    for axis in panels:
        axis.set_visible(False)
    return figure


def _draw_state(axis: plt.Axes, table: pd.DataFrame, state: str, expected: float) -> None:
    """Draw the free energy of a state with one and two standard errors, hollow where it is not to be trusted."""
    values, errors = table[f"{_FREE_ENERGY}_{state}"], table[f"{_ERROR}_{state}"]
    places = np.arange(len(table))
    axis.errorbar(places, values, yerr=2 * errors, fmt="none", ecolor="0.65", elinewidth=1, capsize=3)
    axis.errorbar(places, values, yerr=errors, fmt="none", ecolor="0.1", elinewidth=2.2)
    trusted = (table["verdict"] == "trustworthy").to_numpy()
    axis.plot(places[trusted], values[trusted], "o", color="0.1", ms=6)
    axis.plot(places[~trusted], values[~trusted], "o", color="0.1", mfc="white", ms=6, label="verdict: not yet")
    if math.isfinite(expected):
        axis.axhline(expected, color="#1b4f8a", lw=1.3, ls="--", label=f"published, {expected:g}", zorder=0)
    mean, _ = mean_and_error(values)
    if math.isfinite(mean) and len(table) > 1:
        axis.axhline(mean, color="0.4", lw=1, ls=":", label=f"mean, {mean:.2f}", zorder=0)
    axis.set_xticks(places, [str(seed) for seed in table["random_seed"]])
    axis.set_xlim(-0.5, len(table) - 0.5)
    axis.set(xlabel="random seed", ylabel=f"ΔF of {state} ± 1 and 2 errors [kJ/mol]")
    handles, labels = axis.get_legend_handles_labels()
    shown = [i for i, label in enumerate(labels) if label != "verdict: not yet" or not trusted.all()]
    if shown:
        axis.legend(
            [handles[i] for i in shown],
            [labels[i] for i in shown],
            fontsize=7,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            columnspacing=1,
        )


def _draw_growth(axis: plt.Axes, growth: pd.DataFrame, name: str) -> None:
    for seed, rows, style in _by_seed(growth):
        axis.plot(rows["md_ns"], rows[f"{_BINS}{name}"], marker="s", ms=3, lw=1.1, label=str(seed), **style)
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    label = ", ".join(greek(part) for part in name.split("_"))
    axis.set(xlabel="simulated time in seeds and rounds [ns]", ylabel=f"bins visited of {label}")
    axis.legend(title="random seed", fontsize=7, title_fontsize=7, loc="lower right")


def _draw_profiles(axis: plt.Axes, profiles: pd.DataFrame, published: pd.DataFrame, observable: str) -> None:
    for seed, rows, style in _by_seed(profiles):
        axis.plot(rows["value_deg"], rows[_FREE_ENERGY], lw=1.1, label=str(seed), **style)
    if len(published):
        axis.plot(published["value_deg"], published[_FREE_ENERGY], "kx", ms=7, mew=1.8, label="published", zorder=9)
    if np.ptp(profiles["value_deg"]) > 300:  # a circle
        axis.set_xlim(-180, 180)
        axis.set_xticks(range(-180, 181, 60))
    axis.set(xlabel=f"{greek(observable)} [°]", ylabel="free energy [kJ/mol]")
    axis.legend(title="random seed", fontsize=7, title_fontsize=7, loc="best")


def _by_seed(table: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame, dict]]:
    """Yield each random seed with its rows, and a grey and a line style that tell it from the others."""
    seeds = list(dict.fromkeys(table["random_seed"]))
    greys = np.linspace(0.0, 0.6, len(seeds))
    for i, seed in enumerate(seeds):
        yield seed, table[table["random_seed"] == seed], {"color": str(greys[i]), "ls": _LINES[i % len(_LINES)]}


def draw_methods(coverage: pd.DataFrame) -> Figure:
    """Draw the bins that each method has visited over simulated time: the median of its runs, and their range as a band.

    Args:
        coverage: The spread of each method, as ``baselines.spread_of_growth`` returns it, with its name.
    """
    maps = list(dict.fromkeys(coverage["map"])) or [""]
    figure, axes = plt.subplots(1, len(maps), figsize=(1.2 * _WIDTH * len(maps), 1.1 * _HEIGHT), squeeze=False)
    methods = list(dict.fromkeys(coverage["method"]))
    greys = np.linspace(0.0, 0.6, max(len(methods), 1))
    for axis, name in zip(axes.flat, maps, strict=True):
        for i, method in enumerate(methods):
            rows = coverage[(coverage["map"] == name) & (coverage["method"] == method)]
            colour, marker = str(greys[i]), _MARKERS[i % len(_MARKERS)]
            axis.fill_between(rows["md_ns"], rows["lowest"], rows["highest"], color=colour, alpha=0.15, lw=0)
            style = {"ls": _LINES[i % len(_LINES)], "marker": marker, "markevery": (3 * i, 12), "ms": 5, "lw": 1.3}
            axis.plot(rows["md_ns"], rows["median"], color=colour, label=method, **style)
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        label = ", ".join(greek(part) for part in name.split("_"))
        axis.set(xlabel="simulated time in seeds and rounds [ns]", ylabel=f"bins visited of {label}")
    axes[0, -1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), handlelength=3)
    return figure

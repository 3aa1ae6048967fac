"""Figures: each function draws one from a table and returns it."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from .agreement import LEAST_CORRELATION
from .files import write_atomically
from .kinds import DEGREES, KINDS, NANOMETRES, Axis, column_of

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.hashsalt": "mesaflow",
    "svg.fonttype": "none",
}
plt.rcParams.update(_STYLE)

_CYCLIC_MAP = "twilight"
_LATENTS_IN_A_ROW = 4
_FREE_ENERGY = "free_energy_kJ_per_mol"
_ERROR = "standard_error_kJ_per_mol"
_GREEK = {"phi": "φ", "psi": "ψ", "omega": "ω", "chi1": "χ₁"}


def save_figure(figure: Figure, svg: Path, png: Path, dpi: int) -> None:
    """Write a figure as SVG and PNG; the same figure gives the same bytes."""
    write_atomically(svg, lambda path: figure.savefig(path, format="svg", metadata={"Date": None}))
    write_atomically(png, lambda path: figure.savefig(path, format="png", dpi=dpi, metadata={"Software": None}))
    plt.close(figure)


def axis_label(column: str) -> str:
    """Return the label of a table's column: ``phi_deg`` → ``φ [°]``, ``rg_nm`` → ``rg [nm]``, ``cv_1`` → ``CV 1``."""
    for unit in (DEGREES, NANOMETRES):
        if column.endswith(unit.suffix):
            return f"{greek(column.removesuffix(unit.suffix))} [{unit.symbol}]"
    return column.replace("cv_", "CV ")


def greek(name: str) -> str:
    """Return the letter of a dihedral that has one: ``phi`` → ``φ``."""
    return _GREEK.get(name, name)


def draw_training(table: pd.DataFrame) -> Figure:
    """Draw the loss over the epochs of every round, the explained variance, and how far the restarts agree."""
    agreement = table.groupby("round")[["restart_correlation_mean", "restart_correlation_smallest"]].first()
    compared = bool(agreement.notna().any(axis=None))
    widths = [1.4, 1, 1] if compared else [1.5, 1]
    figure, axes = plt.subplots(1, len(widths), figsize=(3.0 * len(widths) + 1.0, 3.0), width_ratios=widths)
    left, middle = axes[:2]
    rounds = sorted(table["round"].unique())
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(rounds)))
    for number, colour in zip(rounds, colours, strict=True):
        rows = table[table["round"] == number]
        left.plot(rows["epoch"], rows["loss_training"], color=colour, lw=0.8, ls=":")
        left.plot(rows["epoch"], rows["loss_validation"], color=colour, lw=1.2, label=f"{number}")
    left.set(
        xlabel="epoch", ylabel="loss per coordinate [scale²]", yscale="log", title="dotted: training, solid: validation"
    )
    left.title.set_fontsize(8)
    left.legend(title="round", fontsize=7, title_fontsize=7, ncols=2)
    explained = table.groupby("round")[["fve_training", "fve_validation"]].first()
    middle.plot(explained.index, explained["fve_training"], "o:", color="0.5", label="training")
    middle.plot(explained.index, explained["fve_validation"], "s-", color="0.1", label="validation")
    middle.set(xlabel="round", ylabel="fraction of variance explained", xticks=_sparse_ticks(rounds))
    middle.legend()
    if compared:
        right = axes[2]
        right.plot(agreement.index, agreement["restart_correlation_mean"], "s-", color="0.1", label="mean")
        right.plot(agreement.index, agreement["restart_correlation_smallest"], "o:", color="0.5", label="smallest")
        right.axhline(LEAST_CORRELATION, color="0.6", lw=0.8, ls="--", label="the restarts agree")
        right.set(
            xlabel="round", ylabel="canonical correlation of restarts", xticks=_sparse_ticks(rounds), ylim=(0, 1.05)
        )
        right.legend(fontsize=7)
    return figure


def draw_n_cvs(table: pd.DataFrame) -> Figure:
    """Draw the explained variance over the number of CVs, and the number that was chosen."""
    figure, axis = plt.subplots(figsize=(3.8, 2.9))
    chosen = table[table["chosen"]]
    numbers = [0, *table["n_cvs"]]
    axis.plot(numbers, [0.0, *table["fve_validation"]], "s-", color="0.2", ms=4)
    axis.plot(chosen["n_cvs"], chosen["fve_validation"], "o", color="#1b4f8a", ms=11, mfc="none", mew=2, label="chosen")
    axis.set(
        xlabel="number of collective variables", ylabel="fraction of variance explained", xticks=numbers, ylim=(0, None)
    )
    axis.legend(loc="lower right")
    return figure


def draw_latent(table: pd.DataFrame, kinds: dict[str, str]) -> Figure:
    """Draw a latent, one panel an observable that colours it, with the windows that were placed in it.

    Args:
        table: The latent of frames, with their observables, and of windows.
        kinds: The kind of every observable by its name.
    """
    frames, windows = table[table["kind"] == "frame"], table[table["kind"] == "window"]
    y = "cv_2" if "cv_2" in table else None
    panels = [*kinds] or [None]
    n_rows = -(-len(panels) // _LATENTS_IN_A_ROW)
    n_columns = -(-len(panels) // n_rows)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3.7 * n_columns, 3.4 * n_rows), squeeze=False, sharex=True, sharey=True
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, name in zip(axes.flat, panels, strict=False):
        kind = KINDS[kinds[name]] if name else None
        colour = {"c": frames[column_of(name, kind)], "cmap": "viridis"} if kind else {"color": "0.4"}
        if kind and kind.circular:
            colour |= {"cmap": _CYCLIC_MAP, "vmin": -180, "vmax": 180}
        heights = frames[y] if y else np.zeros(len(frames))
        points = axis.scatter(frames["cv_1"], heights, s=3, linewidths=0, rasterized=True, **colour)
        axis.scatter(
            windows["cv_1"],
            windows[y] if y else np.zeros(len(windows)),
            marker="o",
            s=26,
            facecolors="none",
            edgecolors="black",
            linewidths=1.0,
            label="windows placed",
        )
        axis.set(xlabel="CV 1", ylabel="CV 2" if y else "")
        if kind:
            ticks = [-180, -90, 0, 90, 180] if kind.circular else None
            figure.colorbar(points, ax=axis, label=axis_label(column_of(name, kind)), ticks=ticks)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper right", fontsize=8)
    return figure


def draw_coverage_maps(table: pd.DataFrame, x: Axis, y: Axis) -> Figure:
    """Draw, in one panel a round, the bins visited so far, with the new ones dark.

    Args:
        table: The middles of visited bins, and the round that reached each first.
        x: The horizontal axis.
        y: The vertical axis.
    """
    rounds = range(int(table["first_round"].max()) + 1 if len(table) else 1)
    n_columns = min(6, len(rounds))
    n_rows = -(-len(rounds) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(1.55 * n_columns + 0.4, 1.6 * n_rows + 0.4), squeeze=False, sharex=True, sharey=True
    )
    for axis, number in zip(axes.flat, rounds, strict=False):
        for rows, colour in (
            (table[table["first_round"] < number], "0.75"),
            (table[table["first_round"] == number], "#1b4f8a"),
        ):
            _fill_bins(axis, rows[x.column], rows[y.column], (x.width, y.width), colour)
        n_visited = (table["first_round"] <= number).sum()
        axis.set_title(f"{'seed' if number == 0 else f'round {number}'}: {n_visited}", fontsize=8)
        _show_visited(axis.xaxis, x, table)
        _show_visited(axis.yaxis, y, table)
        axis.set_box_aspect(1)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(rounds) :]:
        axis.set_visible(False)
    figure.supxlabel(axis_label(x.column), fontsize=9)
    figure.supylabel(axis_label(y.column), fontsize=9)
    return figure


def draw_coverage_profile(table: pd.DataFrame, x: Axis) -> Figure:
    """Draw in which round each bin of a single observable was first visited."""
    figure, axis = plt.subplots(figsize=(4.2, 2.8))
    axis.bar(table[x.column], table["first_round"] + 1, width=x.width, color="#1b4f8a", edgecolor="white")
    axis.set(xlabel=axis_label(x.column), ylabel="round of first visit + 1")
    return figure


def draw_coverage_growth(table: pd.DataFrame) -> Figure:
    """Draw the number of visited bins over simulated time, for the rounds and for unbiased simulations."""
    figure, axis = plt.subplots(figsize=(4.2, 3.0))
    styles = {
        "rounds": ("s-", "#1b4f8a", "rounds of biased windows"),
        "unbiased": ("-", "0.55", "unbiased simulations"),
    }
    for name, (line, colour, label) in styles.items():
        rows = table[table["simulation"] == name]
        if len(rows):
            axis.plot(rows["md_ns"], rows["n_bins_visited"], line, color=colour, label=label, ms=4)
    axis.set(xlabel="simulated time [ns]", ylabel="bins visited")
    axis.set_ylim(bottom=0)
    axis.legend(loc="best")
    return figure


def draw_surface(table: pd.DataFrame, maximum: float, step: float, colour_map: str) -> Figure:
    """Draw a free energy surface over two axes as filled contours; where no sample lies it is left white."""
    x, y = table.columns[:2]
    grid = table.pivot(index=y, columns=x, values=_FREE_ENERGY)
    levels = np.arange(0, maximum + step / 2, step)
    figure, axis = plt.subplots(figsize=(4.6, 3.7))
    values = np.clip(grid.to_numpy(), 0, maximum)
    filled = axis.contourf(
        grid.columns, grid.index, values, levels=levels, cmap=colour_map, norm=BoundaryNorm(levels, 256)
    )
    axis.contour(grid.columns, grid.index, values, levels=levels[::2], colors="black", linewidths=0.3)
    sampled = np.isfinite(grid.to_numpy()).astype(float)
    axis.contour(grid.columns, grid.index, sampled, levels=[0.5], colors="0.35", linewidths=0.9, linestyles="--")
    _show_sampled(axis.xaxis, table, x)
    _show_sampled(axis.yaxis, table, y)
    axis.set(xlabel=axis_label(x), ylabel=axis_label(y))
    axis.set_title("dashed: limit of the production samples", fontsize=8)
    figure.colorbar(filled, ax=axis, label="free energy [kJ/mol]")
    return figure


def draw_profile(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw a free energy profile with its error band, and published values if there are any.

    Args:
        table: The profile: one axis, free energy and standard error [kJ/mol].
        published: Rows with value_deg, free_energy_kJ_per_mol and label; may be empty.
    """
    x = table.columns[0]
    figure, axis = plt.subplots(figsize=(4.8, 3.2))
    low, high = table[_FREE_ENERGY] - 2 * table[_ERROR], table[_FREE_ENERGY] + 2 * table[_ERROR]
    axis.fill_between(table[x], low, high, color="0.8", linewidth=0, label="± 2 standard errors")
    axis.plot(table[x], table[_FREE_ENERGY], color="#1b4f8a", label="this run")
    if len(published):
        axis.plot(published["value_deg"], published[_FREE_ENERGY], "kx", ms=6, label="published")
        for _, row in published.iterrows():
            axis.annotate(
                row["label"],
                (row["value_deg"], row[_FREE_ENERGY]),
                xytext=(5, 4),
                textcoords="offset points",
                fontsize=7,
            )
    _show_sampled(axis.xaxis, table, x)
    axis.set(xlabel=axis_label(x), ylabel="free energy [kJ/mol]")
    axis.legend(fontsize=8)
    return figure


def _sparse_ticks(numbers: list[int]) -> list[int]:
    return numbers[:: -(-len(numbers) // 10)]


def _show_visited(axis: MatplotlibAxis, observable: Axis, table: pd.DataFrame) -> None:
    """Show a whole circle, or of another observable what has been visited."""
    if observable.kind.circular:
        _set_view(axis, -180, 180)
        axis.set_ticks([-180, 0, 180])
    elif len(table):
        visited = table[observable.column]
        _set_view(axis, visited.min() - observable.width, visited.max() + observable.width)
        axis.set_major_locator(MaxNLocator(3))


def _show_sampled(axis: MatplotlibAxis, table: pd.DataFrame, column: str) -> None:
    """Show a whole circle, or of another observable what has been sampled; collective variables are shown as they are."""
    middles = np.unique(table[column])
    width = float(np.diff(middles).min()) if len(middles) > 1 else 0.0
    sampled = table.loc[table[_FREE_ENERGY].notna(), column]
    if column.endswith(DEGREES.suffix) and np.isclose(np.ptp(middles) + width, 360):
        _set_view(axis, -180, 180)
        axis.set_ticks(range(-180, 181, 60))
    elif not column.startswith("cv_") and len(sampled):
        _set_view(axis, sampled.min() - width, sampled.max() + width)


def _set_view(axis: MatplotlibAxis, low: float, high: float) -> None:
    set_limits = axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim
    set_limits(low, high)


def _fill_bins(axis: plt.Axes, x: pd.Series, y: pd.Series, size: tuple[float, float], colour: str) -> None:
    width, height = size
    rectangles = [plt.Rectangle((a - width / 2, b - height / 2), width, height) for a, b in zip(x, y, strict=True)]
    axis.add_collection(matplotlib.collections.PatchCollection(rectangles, facecolor=colour, edgecolor="none"))

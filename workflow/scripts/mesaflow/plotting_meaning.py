"""Figures of what collective variables mean: each function draws one from a table and returns it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .plotting import greek, plt  # pyplot in the style of all figures

_MOST_STAGES = 12
"""Stages of a figure that fits a page; of more, so many are drawn, evenly spread from the first to production."""

_MOST_QUANTITIES = 24
"""Columns of the map; the names of more cannot be read."""

_MOST_ATOM_NAMES = 40
"""Names along the axis of atoms; of more atoms every second, third, … is named."""

_MOST_NUMBERS = 120  # cells of the map up to which each bears its number
_DARK = 0.55  # correlations beyond it are printed in white
_ROW_HEIGHT = 0.19  # inches a collective variable
_COLOUR_MAP = "Blues"  # grows darker all the way, so that it prints in grey


def draw_correlations(table: pd.DataFrame) -> Figure:
    """Draw a map of |correlation| with a row for each collective variable and a column for each quantity.

    Args:
        table: Rows with stage, cv, quantity, kind and correlation, for each collective variable the same quantities. Of
            many quantities those are drawn that correlate most with any.
    """
    table, rows = _choose_stages(table)
    quantities = table.drop_duplicates("quantity")[["quantity", "kind"]]
    values = table["correlation"].abs().to_numpy().reshape(len(rows), -1)
    strongest = np.argsort(-np.nan_to_num(values).max(axis=0), kind="stable")[:_MOST_QUANTITIES]
    shown = np.sort(strongest)
    values = values[:, shown]

    figure, axis = plt.subplots(figsize=(1.8 + 0.3 * max(len(shown), 10), 2.0 + _ROW_HEIGHT * len(rows)))
    image = axis.imshow(values, vmin=0, vmax=1, cmap=_COLOUR_MAP, aspect="auto")
    if values.size <= _MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = "white" if value > _DARK else "black"
                axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
    labels = [_label(name, kind) for name, kind in quantities.to_numpy()[shown]]
    axis.set_xticks(range(len(shown)), labels, rotation=90, fontsize=7)
    _label_rows(axis, rows)
    if len(shown) < len(quantities):
        axis.set_title(f"the {len(shown)} strongest of {len(quantities)} quantities", fontsize=8)
    figure.colorbar(image, ax=axis, ticks=[0, 0.5, 1], label="|correlation|", aspect=30, shrink=0.8)
    return figure


def _label(name: str, kind: str) -> str:
    """Return a quantity's name as a person would write it: ``phi ALA2`` → ``φ ALA2``."""
    first, _, rest = name.partition(" ")
    if kind == "distance":
        return f"{first} ··· {rest}"
    return f"{greek(first)} {rest}" if kind == "dihedral" else name


def draw_gradients(table: pd.DataFrame) -> Figure:
    """Draw how strongly each collective variable feels each atom: a row of bars for each of them, a column for each atom.

    Args:
        table: Rows with stage, cv, cv_kind, atom and rms_gradient_per_nm, for each collective variable the same atoms.
    """
    table, rows = _choose_stages(table)
    atoms = table.drop_duplicates(["stage", "cv", "atom"])["atom"].to_numpy()[: len(table) // len(rows)]
    norms = table["rms_gradient_per_nm"].to_numpy().reshape(len(rows), -1)
    largest = norms.max(axis=1)
    heights = 0.85 * norms / np.where(largest > 0, largest, 1)[:, None]

    figure, axis = plt.subplots(
        figsize=(3.0 + min(0.25 * max(len(atoms), 12), 6.0), 1.6 + 1.2 * _ROW_HEIGHT * len(rows))
    )
    for row, bars in enumerate(heights):
        # Rows are counted downwards, and bars rise from the foot of their row.
        axis.bar(np.arange(len(atoms)), -bars, bottom=row + 0.45, width=0.75, color="#1b4f8a")
        unit = "rad/nm" if rows["cv_kind"].iloc[row] == "circular" else "1/nm"
        axis.text(len(atoms) - 0.3, row, f"{largest[row]:.3g} {unit}", va="center", fontsize=7)
    axis.set(xlim=(-0.6, len(atoms) - 0.4), ylim=(len(rows) - 0.5, -0.5))
    named = np.arange(len(atoms))[:: -(-len(atoms) // _MOST_ATOM_NAMES)]
    axis.set_xticks(named, atoms[named], rotation=90, fontsize=7)
    _label_rows(axis, rows)
    axis.set_title("gradient norm by atom (each row to its own scale; right: its longest bar)", fontsize=8)
    return figure


def _choose_stages(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the part of a table that is drawn, and the stage, number and kind of the CV of each row of the figure."""
    stages = table["stage"].unique()
    if len(stages) > _MOST_STAGES:
        stages = stages[np.linspace(0, len(stages) - 1, _MOST_STAGES).round().astype(int)]
    chosen = table[table["stage"].isin(stages)]
    return chosen, chosen.drop_duplicates(["stage", "cv"])[["stage", "cv", "cv_kind"]]


def _label_rows(axis: plt.Axes, rows: pd.DataFrame) -> None:
    """Name the CV of each row, draw lines between stages, and name the stages to the left."""
    axis.set_yticks(range(len(rows)), [f"CV {cv}" for cv in rows["cv"]], fontsize=7)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    stages = rows["stage"].to_numpy()
    starts = np.flatnonzero(np.append(True, stages[1:] != stages[:-1]))
    for start in starts[1:]:
        axis.axhline(start - 0.5, color="0.3", lw=0.8)
    middles = (starts + np.append(starts[1:], len(rows)) - 1) / 2
    names = axis.secondary_yaxis(-0.01 - 0.5 / axis.figure.get_figwidth())
    names.set_yticks(middles, [stage.replace("-", " ") for stage in stages[starts]], fontsize=8)
    names.tick_params(length=0)
    names.spines[:].set_visible(False)

"""The figure of the evidence for convergence."""

import pandas as pd

from .convergence import AGREEMENT, CVS, GROWTH, LOST, NEW_BINS
from .plotting import Figure, MaxNLocator, plt

_LABELS = {
    NEW_BINS: "new bins a ns",
    GROWTH: "growth exponent",
    AGREEMENT: "smallest canonical\ncorrelation with the\nencoder before",
    LOST: "fraction of\nwindows lost",
}
_STYLES = ["s-", "o--", "^:", "D-.", "v-", "P--"]
_COLOURS = ["#1b4f8a", "0.45", "#b5651d", "0.2", "#6a8f3f", "0.65"]


def draw_convergence(table: pd.DataFrame) -> Figure:
    """Draw each kind of evidence over the rounds in a panel of its own, with the side of its threshold that counts shaded.

    Args:
        table: Columns quantity, series, round, value, threshold, as ``tabulate_evidence`` makes them.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 4.4), sharex=True)
    names = [name for name in table["series"].unique() if isinstance(name, str)]
    looks = {name: (_STYLES[i % len(_STYLES)], _COLOURS[i % len(_COLOURS)]) for i, name in enumerate(names)}
    for axis, (quantity, label) in zip(axes.flat, _LABELS.items(), strict=True):
        rows = table[table["quantity"] == quantity]
        for series, part in rows.groupby("series", dropna=False, sort=False):
            line, colour = looks.get(series, ("s-", "#1b4f8a"))
            name = "pairs of CVs" if series == CVS else series
            axis.plot(part["round"], part["value"], line, color=colour, ms=4, label=name if series in looks else None)
        axis.set(ylabel=label)
        axis.set_ylim(bottom=0)
        if quantity in (AGREEMENT, LOST):
            axis.set_ylim(top=1.03)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        threshold = rows["threshold"].dropna()
        if len(threshold):
            enough, limit = threshold.iloc[0], axis.get_ylim()[1]
            axis.axhspan(*((enough, limit) if quantity == AGREEMENT else (0, enough)), color="0.9", lw=0)
            axis.axhline(enough, color="0.3", lw=0.8, ls=(0, (5, 3)))
    for axis in axes[-1]:
        axis.set_xlabel("round")
    if axes[0, 1].get_legend_handles_labels()[0]:
        axes[0, 1].legend(loc="best")
    axes[0, 0].set_xlim(0.5, table["round"].max() + 0.5)
    return figure

"""The pictures of the idea: fish through two autoencoders, and one conformation in many poses. Each from its tables."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from .plotting import axis_label, plt  # pyplot with the style of all figures

_NETWORKS = {
    "plain": "plain autoencoder, trained to return $x$:  $E = \\sum\\,|A(x)-x|^2$",
    "augmented": "augmented autoencoder, trained to return $L(x)$, superposed:  $E = \\sum\\,|A(x)-L(x)|^2$",
}
_COLOURINGS = {
    "pose_deg": ("pose [°]", {"cmap": "twilight", "vmin": -180, "vmax": 180}, [-180, -90, 0, 90, 180]),
    "bend_deg": ("bend of the tail [°]", {"cmap": "cividis"}, [-50, 0, 50]),
}
_INVARIANCES = {
    "none": "none: returns $x$",
    "augmentation": "augmentation: returns $L(x)$",
    "alignment": "alignment: reads and returns $L(x)$",
}
_FISH = (("#86b1de", "s"), ("#f0a848", "o"))  # the colour of each example's conformation, and its marker in a latent
_ROUNDING_ERRORS = 1e-12  # a variance fraction below it is 0 in double precision
_CELL = 1.15  # of a fish's length: the room that one example takes in a row


def draw_outline(outlines: pd.DataFrame, latents: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Draw examples of fish above what two networks make of them, with the latents beside it.

    Args:
        outlines: The points x and y of each curve and example; the last point of an outline is the eye.
        latents: The CVs of fish of random bend, girth and pose, and of the examples.
        scores: The explained variance of each network, and the fraction of each CV's variance that is pose.
    """
    examples = latents[(latents["kind"] == "example") & (latents["network"] == "plain")]
    conformations = examples.groupby(["bend_deg", "girth"], sort=False).ngroup().to_numpy()
    figure = plt.figure(figsize=(12.0, 5.4))
    grid = figure.add_gridspec(
        3, 3, width_ratios=[_CELL * len(conformations), 1.75, 1.75], height_ratios=[1.2, 1.3, 1.3]
    )
    axis = figure.add_subplot(grid[0, 0])
    _draw_school(axis, outlines, conformations, "input")
    _title(axis, "input $x$: two fish in three poses each")
    for row, (network, title) in enumerate(_NETWORKS.items(), start=1):
        score = scores[scores["network"] == network].iloc[0]
        axis = figure.add_subplot(grid[row, 0])
        _draw_school(axis, outlines, conformations, f"{network}_output", f"{network}_target")
        _title(axis, title)
        axis.text(
            0,
            0,
            f"{_percent(score['fve_shape'])} of the variance of the shape explained",
            transform=axis.transAxes,
            va="top",
            fontsize=10,
        )
        cvs = latents[latents["network"] == network]
        for column, (name, (label, colours, ticks)) in enumerate(_COLOURINGS.items(), start=1):
            axis = figure.add_subplot(grid[row, column])
            points = _draw_latent(axis, cvs, conformations, c=name, **colours)
            if column == 1:
                of_pose = score.filter(like="pose_variance_fraction").mean()  # the CVs have the same variance
                _title(axis, f"latent: {_percent(of_pose)} of its variance is pose", weight="normal")
            if row == 1:
                heading = figure.add_subplot(grid[0, column])
                heading.axis("off")
                place = heading.inset_axes([0.08, 0.25, 0.84, 0.08])
                figure.colorbar(points, cax=place, orientation="horizontal", ticks=ticks, label=label)
    return figure


def _title(axis: Axes, text: str, **style: str) -> None:
    """Set a title from the left end of an axis, which may be longer than the axis."""
    axis.set_title(text, loc="left", **{"fontsize": 10, "weight": "bold"} | style).set_in_layout(False)


def _draw_school(
    axis: Axes, outlines: pd.DataFrame, conformations: np.ndarray, curve: str, target: str | None = None
) -> None:
    """Fill the outlines of all examples, side by side, and draw what each was to be as a dashed line."""
    for i, conformation in enumerate(conformations):
        *outline, eye = _points(outlines, i, curve) + [i * _CELL, 0]
        axis.fill(*np.transpose(outline), facecolor=_FISH[conformation][0], edgecolor="black", linewidth=0.6)
        axis.plot(*eye, "o", color="white", markeredgecolor="black", markersize=4.5, markeredgewidth=0.8)
        if target:
            *wanted, _ = _points(outlines, i, target) + [i * _CELL, 0]
            axis.plot(*np.transpose([*wanted, wanted[0]]), color="black", linewidth=1.0, linestyle=(0, (3, 2)))
    axis.set(xlim=(-_CELL / 2, _CELL * (len(conformations) - 0.5)), ylim=(-0.55, 0.55), aspect="equal", anchor="W")
    axis.axis("off")


def _points(outlines: pd.DataFrame, example: int, curve: str) -> np.ndarray:
    rows = outlines[(outlines["curve"] == curve) & (outlines["example"] == example)]
    return rows.sort_values("point")[["x", "y"]].to_numpy()


def _draw_latent(axis: Axes, cvs: pd.DataFrame, conformations: np.ndarray, c: str, **colours) -> PathCollection:
    """Draw all fish of a latent as points, and the examples among them with the markers of their conformations."""
    fish, examples = cvs[cvs["kind"] == "fish"], cvs[cvs["kind"] == "example"]
    points = axis.scatter(fish["cv_1"], fish["cv_2"], c=fish[c], s=5, linewidths=0, rasterized=True, **colours)
    for conformation, (colour, marker) in enumerate(_FISH):
        rows = examples[conformations == conformation]
        axis.scatter(rows["cv_1"], rows["cv_2"], color=colour, marker=marker, s=46, edgecolors="black", linewidths=1.2)
    axis.set(xlabel="CV 1", ylabel="CV 2", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    axis.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), aspect="equal")
    return points


def draw_poses(latents: pd.DataFrame, fractions: pd.DataFrame) -> Figure:
    """Draw latents of networks that differ in how they become invariant, with one conformation in many poses in each.

    Args:
        latents: The CVs of all frames and of the poses, for each invariance.
        fractions: The fraction of each CV's variance that is pose, for each invariance.
    """
    figure, axes = plt.subplots(2, 3, figsize=(9.6, 5.0), height_ratios=[1, 0.22])
    for (invariance, title), (latent, bars) in zip(_INVARIANCES.items(), axes.T, strict=True):
        cvs = latents[latents["invariance"] == invariance]
        frames, poses = cvs[cvs["kind"] == "frame"], cvs[cvs["kind"] == "pose"]
        latent.scatter(
            frames["cv_1"], frames["cv_2"], s=4, color="0.8", linewidths=0, rasterized=True, label="all frames"
        )
        latent.scatter(
            poses["cv_1"],
            poses["cv_2"],
            s=12,
            color="#c0392b",
            edgecolors="black",
            linewidths=0.3,
            rasterized=True,
            label=f"one conformation in {len(poses)} poses",
        )
        latent.set(xlabel="CV 1", ylabel="CV 2")
        _title(latent, title)
        rows = fractions[fractions["invariance"] == invariance]
        names, values = [axis_label(name) for name in rows["cv"]], rows["pose_variance_fraction"]
        drawn = bars.barh(names, values, color="#c0392b", edgecolor="black", linewidth=0.5, height=0.6)
        bars.bar_label(drawn, [_percent(value) for value in values], padding=3, fontsize=9)
        bars.set(xlim=(0, 1.25), xticks=[0, 0.5, 1], xlabel="fraction of variance from pose")
        bars.invert_yaxis()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, markerscale=2)
    return figure


def _percent(fraction: float) -> str:
    """Write a fraction as a percentage that rounds to 0 only what is 0 but for rounding errors."""
    return "0 %" if fraction < _ROUNDING_ERRORS else "< 0.1 %" if fraction < 0.001 else f"{100 * fraction:.1f} %"

"""Which bins of a map of observables have been visited."""

from typing import TYPE_CHECKING

import numpy as np

from .kinds import Axis

if TYPE_CHECKING:
    import pandas as pd

    Table = pd.DataFrame | dict[str, np.ndarray]


def axes_of(names: list[str], observables: dict[str, dict]) -> list[Axis]:
    """Return the axes of a map.

    Args:
        names: The observables that are its axes.
        observables: The ``observables`` section of a configuration.
    """
    return [Axis.of(name, observables[name]) for name in names]


def bins_of_frames(table: "Table", axes: list[Axis]) -> tuple[np.ndarray, np.ndarray]:
    """Find the bins of frames.

    Args:
        table: The measured observables [rad, nm or 1], a column each.
        axes: The axes of the map.

    Returns:
        The bins with ``shape=(n_axes, n_frames)``, and which frames lie inside along every axis.
    """
    bins = np.array([axis.bin_indices(np.asarray(table[axis.name])) for axis in axes])
    return bins, (bins >= 0).all(axis=0)


def visited_bins(table: "Table", axes: list[Axis]) -> np.ndarray:
    """Return which bins of a map have been visited, as booleans with ``shape=(n_bins, …)``; frames outside count nowhere."""
    bins, inside = bins_of_frames(table, axes)
    visited = np.zeros([axis.n_bins for axis in axes], dtype=bool)
    visited[tuple(bins[:, inside])] = True
    return visited


def count_outside(table: "Table", axes: list[Axis]) -> int:
    """Count the frames that lie in no bin of a map."""
    return int((~bins_of_frames(table, axes)[1]).sum())

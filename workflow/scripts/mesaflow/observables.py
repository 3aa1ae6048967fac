"""Observables that a person can read: dihedral angles, for coverage, states and free-energy surfaces."""

import mdtraj
import numpy as np
import pandas as pd

from .trajectories import select_single_atoms


def measure(topology: mdtraj.Topology, positions: np.ndarray, observables: dict[str, dict]) -> pd.DataFrame:
    """Measure observables.

    Args:
        topology: The topology.
        positions: The positions [nm] with ``shape=(n_frames, n_atoms, 3)``.
        observables: The ``observables`` section of a configuration.

    Returns:
        One column an observable: dihedral angles [rad] from −π to π.
    """
    if not observables:
        return pd.DataFrame(index=range(len(positions)))
    quadruples = [
        select_single_atoms(topology, item["dihedral"], f"observables.{name}.dihedral")
        for name, item in observables.items()
    ]
    trajectory = mdtraj.Trajectory(positions, topology)
    angles = mdtraj.compute_dihedrals(trajectory, quadruples, periodic=False)
    return pd.DataFrame(angles.astype(float), columns=list(observables))


def n_bins(observable: dict) -> int:
    """Return the number of bins around the circle of a dihedral observable."""
    return round(360 / observable["bin_width_deg"])


def bin_edges(observable: dict) -> np.ndarray:
    """Return the edges [rad] of a dihedral observable's bins, from −π to π."""
    return np.linspace(-np.pi, np.pi, n_bins(observable) + 1)


def bin_indices(values: np.ndarray, observable: dict) -> np.ndarray:
    """Return the bin of each value [rad]."""
    count = n_bins(observable)
    return np.floor((values + np.pi) / (2 * np.pi) * count).astype(int) % count


def visited_bins(table: pd.DataFrame, names: list[str], observables: dict[str, dict]) -> np.ndarray:
    """Return which bins of a map of observables have been visited.

    Args:
        table: The measured observables.
        names: The axes of the map.
        observables: The ``observables`` section of a configuration.

    Returns:
        Booleans with one axis an observable.
    """
    visited = np.zeros([n_bins(observables[name]) for name in names], dtype=bool)
    visited[tuple(bin_indices(table[name].to_numpy(), observables[name]) for name in names)] = True
    return visited


def in_state(table: pd.DataFrame, ranges: dict[str, list[float]]) -> np.ndarray:
    """Tell which frames lie in a state.

    Args:
        table: The measured observables [rad].
        ranges: For each observable [from, to) in degrees; a range with from > to runs through ±180°.
    """
    inside = np.ones(len(table), dtype=bool)
    for name, (start, stop) in ranges.items():
        degrees = np.mod(np.degrees(table[name].to_numpy()) + 180, 360) - 180
        if start <= stop:
            inside &= (degrees >= start) & (degrees < stop)
        else:
            inside &= (degrees >= start) | (degrees < stop)
    return inside


def describe_state(ranges: dict[str, list[float]]) -> str:
    """Return the definition of a state in words."""
    return " and ".join(f"{name} from {start:g} to {stop:g} deg" for name, (start, stop) in ranges.items())

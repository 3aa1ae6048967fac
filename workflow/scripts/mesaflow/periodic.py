"""Periodic boxes: molecules as wholes, next to one another, whichever images of them a simulation has come to hold.

OpenMM never cuts a molecule, but lets each drift away from the others by whole box vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy


def nearest_shifts(displacements: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the sums of box vectors that bring displacements to their nearest images.

    Args:
        displacements: Vectors [nm] with ``shape=(n, 3)``.
        box: The reduced box vectors [nm] as rows, ``shape=(3, 3)``, as OpenMM keeps them.

    Returns:
        What to add to each vector [nm], with ``shape=(n, 3)``.
    """
    shifts = np.zeros_like(displacements)
    for axis in (2, 1, 0):
        turns = np.round((displacements + shifts)[:, axis] / box[axis, axis])
        shifts -= turns[:, None] * box[axis]
    return shifts


def images(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the positions [nm] and those of their 26 neighbouring images, ``shape=(27 n, 3)``, the positions first."""
    turns = sorted(product((-1, 0, 1), repeat=3), key=lambda turn: sum(map(abs, turn)))
    return np.concatenate([positions + np.array(turn) @ box for turn in turns])


def make_whole(positions: np.ndarray, bonds: Sequence[tuple[int, int]], box: np.ndarray) -> np.ndarray:
    """Undo the cuts of a periodic box through molecules.

    Args:
        positions: The positions [nm] with ``shape=(n_atoms, 3)``.
        bonds: The indices of the atoms of each bond.
        box: The box vectors [nm] as rows, ``shape=(3, 3)``.

    Returns:
        The positions [nm] with ``shape=(n_atoms, 3)``, all bonds as short as can be.
    """
    whole = np.array(positions, dtype=float)
    if not bonds:
        return whole
    first, second = np.array(bonds).T
    graph = scipy.sparse.coo_array((np.ones(len(first)), (first, second)), shape=(len(whole), len(whole))).tocsr()
    _, labels = scipy.sparse.csgraph.connected_components(graph, directed=False)
    for root in np.unique(labels, return_index=True)[1]:
        order, before = scipy.sparse.csgraph.breadth_first_order(graph, root, directed=False)
        for atom in order[1:]:
            step = whole[atom] - whole[before[atom]]
            whole[atom] += nearest_shifts(step[None], box)[0]
    return whole


@dataclass(frozen=True)
class Molecules:
    """Molecules in a periodic box.

    Attributes:
        atoms: The indices of the atoms of each.
        box: The reduced box vectors [nm] as rows, ``shape=(3, 3)``.
    """

    atoms: tuple[np.ndarray, ...]
    box: np.ndarray

    @staticmethod
    def among(molecules: Sequence[Sequence[int]], chosen: np.ndarray, box: np.ndarray) -> "Molecules":
        """Find the molecules of some atoms.

        Args:
            molecules: The indices of the atoms of each molecule of the system.
            chosen: The indices of some atoms; those here count among them.
            box: The box [nm] with ``shape=(3, 3)``.
        """
        owner = {atom: number for number, molecule in enumerate(molecules) for atom in molecule}
        owners = np.array([owner[int(atom)] for atom in chosen])
        return Molecules(tuple(np.flatnonzero(owners == number) for number in dict.fromkeys(owners)), np.asarray(box))

    def centers(self, positions: np.ndarray) -> np.ndarray:
        """Return the centroid [nm] of each molecule with ``shape=(n_molecules, 3)``."""
        return np.array([positions[atoms].mean(axis=0) for atoms in self.atoms])

    def gather(self, positions: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
        """Bring every molecule to its image nearest to a point.

        Args:
            positions: The positions [nm] with ``shape=(n_atoms, 3)``; they are not changed.
            around: The point [nm]; the centroid of the first molecule by default.

        Returns:
            The positions [nm] with ``shape=(n_atoms, 3)``.
        """
        centers = self.centers(positions)
        shifts = nearest_shifts(centers - (centers[0] if around is None else around), self.box)
        return self.moved(positions, shifts)

    def moved(self, positions: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """Move every molecule as a whole by its own shift [nm], ``shape=(n_molecules, 3)``."""
        moved = np.array(positions, dtype=float)
        for atoms, shift in zip(self.atoms, shifts, strict=True):
            moved[atoms] += shift
        return moved

"""What a network sees of a conformation: coordinates, dihedral angles as cosine and sine, distances, or any mix of them."""

from dataclasses import dataclass, field

import numpy as np

KINDS = ("positions", "dihedrals", "distances")
"""The kinds of input, in the order in which they enter the network."""

SMALLEST_NORMALS = 1e-16
"""Below this [nm⁴] three atoms of a dihedral lie on one line."""


def no_atoms(width: int) -> np.ndarray:
    """Return the indices of no groups of ``width`` atoms, ``shape=(0, width)``."""
    return np.empty((0, width), dtype=np.int64)


@dataclass(frozen=True)
class Features:
    """The inputs of a network, in the order positions, cosine and sine of each dihedral, distances.

    Atoms are counted within the atoms that the network sees.

    Attributes:
        positions: Whether the coordinates of all atoms are inputs, divided by the encoder's scale.
        dihedrals: The atoms of each dihedral with ``shape=(n_dihedrals, 4)``.
        pairs: The atoms of each distance with ``shape=(n_pairs, 2)``.
        distance_scale: The length [nm] by which distances are divided.
    """

    positions: bool = True
    dihedrals: np.ndarray = field(default_factory=lambda: no_atoms(4))
    pairs: np.ndarray = field(default_factory=lambda: no_atoms(2))
    distance_scale: float = 1.0

    def n_inputs(self, n_atoms: int) -> int:
        """Count the input nodes of a network that sees ``n_atoms`` atoms."""
        return 3 * n_atoms * self.positions + 2 * len(self.dihedrals) + len(self.pairs)

    def evaluate(self, frames: np.ndarray, scale: float) -> np.ndarray:
        """Turn frames into inputs.

        Args:
            frames: Centred and, where that is asked for, superposed frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
            scale: The length [nm] by which coordinates are divided.

        Returns:
            The inputs with ``shape=(n_frames, n_inputs)``.
        """
        columns = [frames.reshape(len(frames), 3 * frames.shape[1]) / scale] if self.positions else []
        if len(self.dihedrals) or len(self.pairs):
            components = np.ascontiguousarray(frames.transpose(2, 1, 0))
        if len(self.dihedrals):
            first, second, third, fourth = (components[:, atoms] for atoms in self.dihedrals.T)
            axis = second - third
            a, b = _cross(first - second, axis), _cross(fourth - third, axis)
            pairs = np.stack([_dot(a, b), _dot(_cross(b, a), axis) / np.sqrt(_dot(axis, axis))], axis=1)
            pairs /= np.maximum(np.hypot(pairs[:, :1], pairs[:, 1:]), SMALLEST_NORMALS)
            columns.append(pairs.reshape(2 * len(self.dihedrals), len(frames)).T)
        if len(self.pairs):
            first, last = self.pairs.T
            squares = np.zeros((len(self.pairs), len(frames)))
            for component in components:
                difference = component[first]
                difference -= component[last]
                squares += np.square(difference, out=difference)
            columns.append(np.sqrt(squares, out=squares).T / self.distance_scale)
        return np.concatenate(columns, axis=1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products of vectors, their components along the first axis."""
    return np.stack([a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the scalar products of vectors, their components along the first axis."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

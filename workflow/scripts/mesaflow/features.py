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
        if len(self.dihedrals):
            first, second, third, fourth = (frames[:, atoms] for atoms in self.dihedrals.T)
            axis = second - third
            a, b = np.cross(first - second, axis), np.cross(fourth - third, axis)
            cosine = (a * b).sum(axis=2)
            sine = (np.cross(b, a) * axis).sum(axis=2) / np.linalg.norm(axis, axis=2)
            pairs = np.stack([cosine, sine], axis=2)
            lengths = np.linalg.norm(pairs, axis=2, keepdims=True)
            pairs /= np.maximum(lengths, SMALLEST_NORMALS)
            columns.append(pairs.reshape(len(frames), 2 * len(self.dihedrals)))
        if len(self.pairs):
            first, last = (frames[:, atoms] for atoms in self.pairs.T)
            columns.append(np.linalg.norm(first - last, axis=2) / self.distance_scale)
        return np.concatenate(columns, axis=1)

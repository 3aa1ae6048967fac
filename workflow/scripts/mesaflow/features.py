"""What a network sees of a conformation: coordinates, dihedral angles as cosine and sine, distances, or any mix of them."""

from dataclasses import dataclass, field

import numpy as np

KINDS = ("positions", "dihedrals", "distances")
"""The kinds of input, in the order in which they enter the network."""


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

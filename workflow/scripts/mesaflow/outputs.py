"""What a network is to return of a conformation: groups of superposed coordinates, dihedrals and distances, each with a weight."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mdtraj
import numpy as np

from .alignment import check_reference, split, superpose_in_parts
from .errors import InputError
from .internal_coordinates import find_dihedrals_within, find_pairs, renumber
from .trajectories import select_atoms


@dataclass(frozen=True)
class PositionsOutput:
    """Coordinates of some atoms, superposed on a reference by some, perhaps other, atoms.

    Atoms are counted within the atoms that the network sees.

    Attributes:
        atoms: The atoms whose coordinates are returned, with ``shape=(n_output_atoms,)``.
        align: The atoms that the superposition looks at, with ``shape=(n_align,)``.
        reference: The structure [nm] of all atoms that the network sees, with ``shape=(n_atoms, 3)``.
        atom_weights: The weight of each returned atom with ``shape=(n_output_atoms,)``.
        weight: The weight of the group.
    """

    atoms: np.ndarray
    align: np.ndarray
    reference: np.ndarray
    atom_weights: np.ndarray
    weight: float = 1.0

    @staticmethod
    def of_all(reference: np.ndarray) -> "PositionsOutput":
        """Return the output of all atoms, superposed by all atoms on a reference [nm] with ``shape=(n_atoms, 3)``."""
        everything = np.arange(len(reference))
        return PositionsOutput(everything, everything, np.asarray(reference, dtype=float), np.ones(len(reference)))

    @property
    def n_columns(self) -> int:
        return 3 * len(self.atoms)

    @property
    def column_weights(self) -> np.ndarray:
        """The weight of each output node with ``shape=(n_columns,)``."""
        return self.weight * np.repeat(self.atom_weights, 3)

    def target(self, frames: np.ndarray) -> np.ndarray:
        """Return L(x) [nm] with ``shape=(n_frames, n_columns)`` in single precision."""
        return superpose_in_parts(frames, self.reference, self.align)[:, self.atoms].reshape(len(frames), -1)


@dataclass(frozen=True)
class DistancesOutput:
    """Distances between pairs of atoms.

    Attributes:
        pairs: The atoms of each distance with ``shape=(n_pairs, 2)``, counted within those that the network sees.
        weight: The weight of the group.
    """

    pairs: np.ndarray
    weight: float = 1.0

    @property
    def n_columns(self) -> int:
        return len(self.pairs)

    @property
    def column_weights(self) -> np.ndarray:
        """The weight of each output node with ``shape=(n_columns,)``."""
        return np.full(len(self.pairs), self.weight)

    def target(self, frames: np.ndarray) -> np.ndarray:
        """Return the distances [nm] with ``shape=(n_frames, n_pairs)`` in single precision."""
        parts = [
            np.linalg.norm(part[:, self.pairs[:, 0]] - part[:, self.pairs[:, 1]], axis=2) for part in split(frames)
        ]
        return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class DihedralsOutput:
    """Dihedral angles, each as its cosine and its sine.

    Attributes:
        dihedrals: The atoms of each dihedral with ``shape=(n_dihedrals, 4)``, counted within those that the network sees.
        weight: The weight of the group.
    """

    dihedrals: np.ndarray
    weight: float = 1.0

    @property
    def n_columns(self) -> int:
        return 2 * len(self.dihedrals)

    @property
    def column_weights(self) -> np.ndarray:
        """The weight of each output node with ``shape=(n_columns,)``."""
        return np.full(self.n_columns, self.weight)

    def target(self, frames: np.ndarray) -> np.ndarray:
        """Return cosine and sine of each dihedral with ``shape=(n_frames, 2 * n_dihedrals)`` in single precision."""
        trajectory = mdtraj.Trajectory(np.asarray(frames, dtype=np.float32), None)
        angles = mdtraj.compute_dihedrals(trajectory, self.dihedrals, periodic=False)
        return np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(len(frames), -1).astype(np.float32)


Output = PositionsOutput | DistancesOutput | DihedralsOutput


def find_outputs(
    topology: mdtraj.Topology,
    atoms: np.ndarray,
    training: dict,
    load_reference: Callable[[str | None, str], np.ndarray],
    section: str = "training",
) -> tuple[Output, ...]:
    """Find the atoms of a network's outputs.

    Args:
        topology: The topology.
        atoms: The indices of the atoms that the network sees, those of ``training.atoms``.
        training: The ``training`` section of a configuration, of which ``outputs`` and ``invariance`` are read.
        load_reference: Returns the positions [nm] of the atoms seen, with ``shape=(n_atoms, 3)``, in the structure that an
            output names, or for None in the default one; it also takes the key, for errors.
        section: The section of the configuration that the outputs come from, for errors.

    Raises:
        InputError: If a selection matches nothing or atoms outside ``training.atoms``, nothing can be superposed on a
            reference, or ``invariance: alignment`` finds distances only.
    """
    outputs: list[Output] = []
    for i, group in enumerate(training["outputs"]):
        key = f"{section}.outputs[{i}]"
        if group["kind"] == "distances":
            pairs = find_pairs(topology, atoms, group["distances"], f"{key}.distances")
            local = renumber(topology, atoms, np.array(pairs).ravel(), f"{key}.distances").reshape(-1, 2)
            outputs.append(DistancesOutput(local, float(group["weight"])))
        elif group["kind"] == "dihedrals":
            found = find_dihedrals_within(topology, atoms, group["dihedrals"], f"{key}.dihedrals")
            outputs.append(DihedralsOutput(found, float(group["weight"])))
        else:
            reference = load_reference(group["reference"], f"{key}.reference")
            outputs.append(_find_positions(topology, atoms, group, key, reference))
    if training["invariance"] == "alignment" and all(isinstance(output, DistancesOutput) for output in outputs):
        raise InputError(
            f"{section}.outputs has distances only, which training.invariance 'alignment' has nothing to superpose for; "
            "add an output of kind positions, or set training.invariance to augmentation."
        )
    return tuple(outputs)


def _find_positions(
    topology: mdtraj.Topology, atoms: np.ndarray, group: dict, key: str, reference: np.ndarray
) -> PositionsOutput:
    def find(selection: str | None, name: str) -> np.ndarray:
        if selection is None:
            return np.arange(len(atoms))
        return renumber(topology, atoms, select_atoms(topology, selection, name), name)

    returned = find(group["atoms"], f"{key}.atoms")
    align = returned if group["align"] is None else find(group["align"], f"{key}.align")
    check_reference(reference[align], f"{key}.atoms" if group["align"] is None else f"{key}.align")
    weights = np.ones(len(returned))
    for selection, weight in group["atom_weights"].items():
        name = f"{key}.atom_weights.{selection}"
        chosen = np.isin(returned, find(selection, name))
        if not chosen.any():
            raise InputError(f"{name} matches no atom of {key}.atoms; select atoms among them.")
        weights[chosen] = weight
    return PositionsOutput(returned, align, reference, weights, float(group["weight"]))


@dataclass(frozen=True)
class OutputLayout:
    """The outputs of a network as one row of nodes, group after group, in units of the scales.

    Attributes:
        groups: The outputs.
        scale: The length [nm] by which coordinates are divided.
        distance_scale: The length [nm] by which distances are divided.
    """

    groups: tuple[Output, ...]
    scale: float
    distance_scale: float

    @property
    def n_columns(self) -> int:
        return sum(group.n_columns for group in self.groups)

    @property
    def weights(self) -> np.ndarray:
        """The weight of each output node, one on average, with ``shape=(n_columns,)``."""
        weights = np.concatenate([group.column_weights for group in self.groups])
        return weights / weights.mean()

    def positions(self) -> Iterator[tuple[slice, PositionsOutput]]:
        """Yield the groups of coordinates, each with its columns."""
        start = 0
        for group in self.groups:
            if isinstance(group, PositionsOutput):
                yield slice(start, start + group.n_columns), group
            start += group.n_columns

    def _scale_of(self, group: Output) -> float:
        if isinstance(group, DihedralsOutput):
            return 1.0
        return self.scale if isinstance(group, PositionsOutput) else self.distance_scale

    def targets(self, frames: np.ndarray) -> np.ndarray:
        """Return the targets of frames [nm] with ``shape=(n_frames, n_columns)`` in single precision."""
        targets = np.empty((len(frames), self.n_columns), dtype=np.float32)
        start = 0
        for group in self.groups:
            np.divide(group.target(frames), self._scale_of(group), out=targets[:, start : start + group.n_columns])
            start += group.n_columns
        return targets

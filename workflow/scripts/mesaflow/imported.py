"""Trajectories that nobody simulated here, in any format that mdtraj reads, each with a topology of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mdtraj
import numpy as np

from .errors import InputError, first_line
from .trajectories import atoms_of_molecules, load_trajectory, select_atoms

KEY = "training.trajectories"

_READ_WHOLE = (".gro", ".pdb", ".pdb.gz")  # of these formats mdtraj cannot read some atoms of one frame
_SMALLEST_BOX = 0.5  # nm; a shorter cell is a placeholder, such as the 0.1 nm that PDB files without a crystal carry
_ALL = "all"


@dataclass(frozen=True)
class ImportedTrajectory:
    """A trajectory and its topology.

    Attributes:
        trajectory: The file.
        topology: The file of its topology, which may be the same one.
    """

    trajectory: str
    topology: str

    @cached_property
    def atoms(self) -> mdtraj.Topology:
        """Its topology.

        Raises:
            InputError: If the file is missing or unreadable.
        """
        _require_file(self.topology)
        try:
            return mdtraj.load_topology(self.topology)
        except Exception as error:  # mdtraj's readers raise several kinds
            raise InputError(
                f"{KEY} names {self.topology!r}, which mdtraj cannot read as a topology. ({first_line(error)})"
            ) from error

    def match(self, topology: mdtraj.Topology, selection: str) -> np.ndarray:
        """Find the indices here of the atoms that a selection matches in the system.

        Args:
            topology: The system's topology.
            selection: The selection; ``all`` for every atom.

        Raises:
            InputError: If the selection matches other atoms here.
        """
        selected = select_atoms(self.atoms, selection, f"{KEY} with {self.topology!r}: training.atoms")
        here = describe_atoms(self.atoms, selected)
        there = describe_atoms(topology, select_atoms(topology, selection, "training.atoms"))
        if here == there:
            return selected
        difference = f"{len(here)} atoms instead of the {len(there)}"
        if len(here) == len(there):
            i = next(i for i, (mine, other) in enumerate(zip(here, there, strict=True)) if mine != other)
            difference = f"{_name(here[i])} as atom {i + 1} instead of {_name(there[i])}"
        if selection == _ALL:
            raise InputError(
                f"{KEY} names {self.trajectory!r}, from which no window can start: its topology has {difference} in the system; "
                "strip both files to the atoms of system.structure, or only learn from them (snakemake learn)."
            )
        raise InputError(
            f"{KEY} names {self.trajectory!r}, in whose topology {selection!r} selects {difference} in the system; "
            "give a topology of the same molecule, or change training.atoms."
        )

    def check(self) -> None:
        """Check the first frame against the topology.

        Raises:
            InputError: If a file is missing or unreadable, the trajectory is without frames, or its atoms are not those
                of the topology.
        """
        _require_file(self.trajectory)
        n_atoms = self.atoms.n_atoms
        try:
            first = next(mdtraj.iterload(self.trajectory, chunk=1, top=self.atoms), None)
        except Exception as error:  # mdtraj's readers raise several kinds, some without a message
            raise InputError(
                f"{KEY} names {self.trajectory!r}, which mdtraj cannot read with the {n_atoms} atoms of {self.topology!r}; "
                f"give the topology that it was written with, in a format that mdtraj reads. ({first_line(error)})"
            ) from error
        if first is None or first.n_frames == 0:
            raise InputError(f"{KEY} names {self.trajectory!r}, which holds no frame; leave it out.")
        if first.n_atoms != n_atoms:  # some readers go by the trajectory and pass the topology over
            raise InputError(
                f"{KEY} names {self.trajectory!r} with {first.n_atoms} atoms, but {self.topology!r} has {n_atoms}; "
                "give the topology that it was written with."
            )

    def load(self, topology: mdtraj.Topology, selection: str = _ALL, frame: int | None = None) -> np.ndarray:
        """Read positions of the system's atoms; molecules that the periodic box has cut are made whole.

        Args:
            topology: The system's topology.
            selection: Read only what this selection matches.
            frame: Read this frame only.

        Returns:
            The positions [nm] with ``shape=(n_frames, n_selected, 3)``, or ``shape=(n_selected, 3)`` for one frame.

        Raises:
            InputError: If the atoms are not the system's, or frames cannot be read or are not finite.
        """
        self.check()
        wanted = self.match(topology, selection)
        read = atoms_of_molecules(self.atoms, wanted)
        try:
            trajectory = self._read(read, frame)
        except Exception as error:
            raise InputError(f"{KEY} names {self.trajectory!r}, which cannot be read. ({first_line(error)})") from error
        if trajectory.n_frames == 0:  # as some readers answer beyond the end
            raise InputError(f"{KEY} names {self.trajectory!r}, which cannot be read: it has no frame {frame}.")
        finite = np.isfinite(trajectory.xyz).all(axis=(1, 2))
        if not finite.all():
            raise InputError(
                f"{KEY} names {self.trajectory!r}, in which {np.sum(~finite)} of {len(finite)} frames hold coordinates that "
                f"are not finite, frame {np.argmin(finite)} (counted from 0) the first; remove these frames."
            )
        self._make_whole(trajectory)
        positions = trajectory.xyz[:, np.searchsorted(read, wanted)]
        return positions if frame is None else positions[0]

    def _read(self, atoms: np.ndarray, frame: int | None) -> mdtraj.Trajectory:
        if frame is None or self.trajectory.lower().endswith(_READ_WHOLE):
            trajectory = mdtraj.load(self.trajectory, top=self.atoms, atom_indices=atoms)
            return trajectory if frame is None else trajectory[frame]
        return mdtraj.load_frame(self.trajectory, frame, top=self.atoms, atom_indices=atoms)

    def _make_whole(self, trajectory: mdtraj.Trajectory) -> None:
        """Undo the cuts of the periodic box: bonds within molecules first, then the nearest image of each molecule."""
        lengths = trajectory.unitcell_lengths
        if lengths is None or lengths.min() < _SMALLEST_BOX:
            return
        if trajectory.topology.n_bonds == 0:
            raise InputError(
                f"{KEY} names {self.trajectory!r} with a periodic box, but {self.topology!r} names no bonds, by which molecules "
                "could be made whole; give a topology with bonds, or make molecules whole and remove the box."
            )
        # A GRO file gives a box in float64, which mdtraj cannot image by.
        trajectory.unitcell_lengths = lengths.astype(np.float32)
        trajectory.unitcell_angles = trajectory.unitcell_angles.astype(np.float32)
        # The largest first; sorted, because sets come in another order each time.
        molecules = [sorted(molecule, key=_index) for molecule in trajectory.topology.find_molecules()]
        molecules.sort(key=lambda molecule: (-len(molecule), molecule[0].index))
        trajectory.image_molecules(inplace=True, anchor_molecules=molecules, other_molecules=[])


@dataclass(frozen=True)
class FrameReader:
    """Reads the frames of a run's own trajectories and of imported ones alike.

    Attributes:
        topology: The system's topology.
        imported: The imported trajectories.
    """

    topology: mdtraj.Topology
    imported: tuple[ImportedTrajectory, ...] = ()

    @staticmethod
    def from_config(topology: mdtraj.Topology, trajectories: Iterable[dict[str, str]]) -> "FrameReader":
        """Read the items of ``training.trajectories``."""
        return FrameReader(topology, tuple(ImportedTrajectory(**item) for item in trajectories))

    def load(self, path: str, selection: str = _ALL, frame: int | None = None) -> np.ndarray:
        """Read the positions [nm] of selected atoms, ``shape=(n_frames, n_selected, 3)`` or for one frame without the first axis.

        Raises:
            InputError: If the file is missing, damaged, or of other atoms.
        """
        for trajectory in self.imported:
            if trajectory.trajectory == path:
                return trajectory.load(self.topology, selection, frame)
        positions = load_trajectory(path, self.topology, frame)
        return (
            positions
            if selection == _ALL
            else positions[..., select_atoms(self.topology, selection, "training.atoms"), :]
        )


def check_imported(trajectories: list[dict[str, str]], topology: mdtraj.Topology, selection: str) -> None:
    """Check what can be checked of imported trajectories by their first frame.

    Args:
        trajectories: The items of ``training.trajectories``.
        topology: The system's topology.
        selection: The selection of training atoms.

    Raises:
        InputError: If a trajectory is named twice, does not fit its topology, has other training atoms, or its first frame
            cannot be used.
    """
    names = [item["trajectory"] for item in trajectories]
    for item in trajectories:
        if names.count(item["trajectory"]) > 1:
            raise InputError(f"{KEY} names {item['trajectory']!r} twice; name each trajectory once.")
        ImportedTrajectory(**item).load(topology, selection, frame=0)


def check_imported_systems(trajectories: list[dict[str, str]], topology: mdtraj.Topology) -> None:
    """Check that windows can start from the frames of imported trajectories.

    Raises:
        InputError: If a trajectory does not hold all atoms of the system and no others.
    """
    for item in trajectories:
        ImportedTrajectory(**item).match(topology, _ALL)


def describe_atoms(topology: mdtraj.Topology, atoms: np.ndarray) -> list[tuple[int, str, str]]:
    """Return for each atom which of the selected residues it is in, counted from 1, its residue's name and its own."""
    chosen = [topology.atom(i) for i in atoms]
    numbers = {residue: i for i, residue in enumerate(dict.fromkeys(atom.residue.index for atom in chosen), start=1)}
    return [(numbers[atom.residue.index], atom.residue.name, atom.name) for atom in chosen]


def _index(atom: mdtraj.core.topology.Atom) -> int:
    return atom.index


def _name(atom: tuple[int, str, str]) -> str:
    number, residue, name = atom
    return f"{name} of {residue} {number}"


def _require_file(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{KEY} names {path!r}, and there is no such file; give its path.")

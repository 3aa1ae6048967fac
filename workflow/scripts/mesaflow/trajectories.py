"""Reading and writing trajectories, and selecting atoms (mdtraj)."""

import errno
import os
import shutil
from pathlib import Path

import mdtraj
import numpy as np

from .errors import InputError
from .files import write_atomically

_DCD_N_FRAMES = slice(8, 12)
_DCD_TITLE = slice(100, 260)  # two lines of 80 characters: the date of writing, then uninitialised memory


def save_trajectory(path: Path, positions: np.ndarray) -> None:
    """Write positions to a DCD file whose bytes depend on nothing but the positions.

    Args:
        path: The file.
        positions: The positions [nm] with ``shape=(n_frames, n_atoms, 3)``.

    Raises:
        StorageError: If the disk is full or cannot be written to, with ``path`` untouched.
    """

    def write(temporary: Path) -> None:
        temporary.touch()  # mdtraj does not say why a file cannot be opened
        try:
            with mdtraj.formats.DCDTrajectoryFile(str(temporary), "w") as file:
                file.write(np.asarray(positions, dtype=np.float32) * 10)  # DCD holds Å
        except TypeError as error:  # what mdtraj raises, by mistake, when a frame cannot be written
            raise _why_unwritten(temporary, positions) from error
        with open(temporary, "r+b") as file:
            file.seek(_DCD_TITLE.start)
            file.write(b"mesaflow".ljust(_DCD_TITLE.stop - _DCD_TITLE.start))
            file.flush()
            os.fsync(file.fileno())  # a quota or a network disk may refuse only now

    write_atomically(path, write)


def _why_unwritten(path: Path, positions: np.ndarray) -> OSError:
    """Return the error of a trajectory that was cut off; mdtraj does not hand on what the file system said."""
    unwritten = 4 * positions.size - path.stat().st_size
    number = errno.ENOSPC if shutil.disk_usage(path.parent).free < unwritten else errno.EIO
    return OSError(number, os.strerror(number))


def load_trajectory(path: Path, topology: mdtraj.Topology, frame: int | None = None) -> np.ndarray:
    """Read the positions of a trajectory.

    Args:
        path: The file.
        topology: Its topology.
        frame: Read this frame only.

    Returns:
        The positions [nm] with ``shape=(n_frames, n_atoms, 3)``, or ``shape=(n_atoms, 3)`` for one frame.

    Raises:
        InputError: If the file is missing, damaged, or of another topology.
    """
    try:
        n_frames = _frames_in_header(path)
        if n_frames == 0:  # mdtraj does not open a DCD file without frames
            return np.empty((0, topology.n_atoms, 3), dtype=np.float32)
        if frame is not None:
            return mdtraj.load_frame(str(path), frame, top=topology).xyz[0]
        positions = mdtraj.load(str(path), top=topology).xyz
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"the trajectory {path} cannot be read with a topology of {topology.n_atoms} atoms: {error}"
        ) from error
    if n_frames is not None and len(positions) != n_frames:
        raise InputError(
            f"the trajectory {path} cannot be read to its end: it holds {len(positions)} of {n_frames} frames; "
            "remove it and run again."
        )
    return positions


def _frames_in_header(path: Path) -> int | None:
    """Return how many frames the header of a DCD file names; None for other formats."""
    with open(path, "rb") as file:
        header = file.read(_DCD_N_FRAMES.stop)
    if header[4:8] != b"CORD":
        return None
    return int.from_bytes(header[_DCD_N_FRAMES], "little")


def load_topology(path: Path) -> mdtraj.Topology:
    """Read the topology of a PDB file."""
    return mdtraj.load_topology(str(path))


def select_atoms(topology: mdtraj.Topology, selection: str, key: str) -> np.ndarray:
    """Select atoms in mdtraj's selection language.

    Args:
        topology: The topology.
        selection: The selection.
        key: The config key it comes from, for the error.

    Raises:
        InputError: If the selection is no valid one, or matches no atom.
    """
    try:
        atoms = topology.select(selection)
    except Exception as error:  # mdtraj's parser raises several kinds
        raise InputError(f"{key} is {selection!r}, which mdtraj cannot parse as an atom selection.") from error
    if len(atoms) == 0:
        names = ", ".join(sorted({atom.name for atom in topology.atoms})[:12])
        raise InputError(f"{key} is {selection!r}, which matches no atom; the structure's atom names include {names}.")
    return atoms


def load_reference(path: str, topology: mdtraj.Topology, selection: str, key: str) -> np.ndarray:
    """Read the positions of selected atoms from a reference structure of the same molecule.

    Args:
        path: A PDB or other structure file that mdtraj reads.
        topology: The topology that the structure must agree with in the selected atoms.
        selection: The selection.
        key: The config key that the path comes from, for the error.

    Returns:
        The positions [nm] with ``shape=(n_selected, 3)``.

    Raises:
        InputError: If the file is missing or unreadable, or its selected atoms are others.
    """
    if not Path(path).is_file():
        raise InputError(f"{key} is {path!r}, and there is no such file; give the path of a structure.")
    try:
        structure = mdtraj.load(path)
    except Exception as error:  # mdtraj's readers raise several kinds
        raise InputError(f"{key} is {path!r}, which cannot be read as a structure: {error}") from error
    atoms, expected = structure.topology.select(selection), select_atoms(topology, selection, key)
    names = [(structure.topology.atom(i).residue.name, structure.topology.atom(i).name) for i in atoms]
    if names != [(topology.atom(i).residue.name, topology.atom(i).name) for i in expected]:
        raise InputError(
            f"{key} is {path!r}, in which {selection!r} selects {len(names)} atoms that are not the {len(expected)} of the "
            "system in the same order; give a structure of the same molecule."
        )
    return structure.xyz[0, atoms].astype(float)


def atoms_of_molecules(topology: mdtraj.Topology, atoms: np.ndarray) -> np.ndarray:
    """Return the indices, sorted, of all atoms of the molecules that some atoms belong to.

    A topology without bonds tells of no molecules; the whole of it counts as one.
    """
    if topology.n_bonds == 0:
        return np.arange(topology.n_atoms)
    wanted = set(np.asarray(atoms).tolist())
    molecules = [{atom.index for atom in molecule} for molecule in topology.find_molecules()]
    return np.array(sorted(set().union(*(molecule for molecule in molecules if molecule & wanted))))


def select_single_atoms(topology: mdtraj.Topology, selections: list[str], key: str) -> tuple[int, ...]:
    """Find the atoms of a dihedral or a distance.

    Args:
        topology: The topology.
        selections: Selections of one atom each.
        key: The configuration key, for the error.

    Raises:
        InputError: If a selection does not match exactly one atom, or they are not all different.
    """
    atoms = []
    for i, selection in enumerate(selections):
        matched = select_atoms(topology, selection, f"{key}[{i}]")
        if len(matched) != 1:
            raise InputError(f"{key}[{i}] is {selection!r}, which matches {len(matched)} atoms; select exactly one.")
        atoms.append(int(matched[0]))
    if len(set(atoms)) != len(atoms):
        raise InputError(f"{key} names an atom twice ({atoms}); give {len(atoms)} different atoms.")
    return tuple(atoms)

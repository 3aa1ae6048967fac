"""Measuring the observables that a configuration defines; ``kinds`` says what there is to know of each without a molecule."""

from collections.abc import Callable
from typing import Any

import mdtraj
import numpy as np
import scipy

from .alignment import check_reference
from .errors import InputError
from .kinds import kind_of
from .trajectories import load_reference, select_atoms, select_single_atoms

CONTACT_CUTOFF = 0.45
"""Distance [nm] in the reference structure below which two atoms are in contact (doi:10.1073/pnas.1311599110)."""

CONTACT_STEEPNESS = 50.0
"""β, by which a contact is lost with distance [1/nm], from the same paper."""

CONTACT_TOLERANCE = 1.8
"""λ, how much longer than in the reference structure a contact may become until it counts half, from the same paper."""

CONTACT_SEPARATION = 3
"""Residues of one chain by which two must at least be more apart for their contacts to count, from the same paper."""

Measure = Callable[[mdtraj.Trajectory], np.ndarray]
"""Gives the values [rad, nm or 1] of an observable with ``shape=(n_frames,)``."""


def measure(structure: mdtraj.Trajectory, positions: np.ndarray, observables: dict[str, dict]) -> dict[str, np.ndarray]:
    """Measure observables.

    Args:
        structure: The prepared structure, one frame; what names no reference file is compared with it.
        positions: The positions [nm] with ``shape=(n_frames, n_atoms, 3)``, of whole molecules.
        observables: The ``observables`` section of a configuration.

    Returns:
        For each observable its values with ``shape=(n_frames,)``: dihedrals [rad] from −π to π, angles [rad] from 0 to π,
        lengths [nm], fractions of native contacts.

    Raises:
        InputError: If an observable does not fit the molecule, or a reference file cannot be used.
    """
    measures = {name: find_measure(name, observable, structure) for name, observable in observables.items()}
    frames = mdtraj.Trajectory(positions, structure.topology)
    return {
        name: np.asarray(values(frames), dtype=float) if len(frames) else np.empty(0)
        for name, values in measures.items()
    }


def find_measure(name: str, observable: dict[str, Any], structure: mdtraj.Trajectory) -> Measure:
    """Find the atoms of an observable.

    Args:
        name: Its name.
        observable: Its definition.
        structure: The prepared structure, one frame.

    Returns:
        What measures it.

    Raises:
        InputError: If it does not fit the molecule, or its reference file cannot be used.
    """
    kind = kind_of(observable).name
    return _FINDERS[kind](observable[kind], structure, f"observables.{name}.{kind}")


def _find_dihedral(selections: list[str], structure: mdtraj.Trajectory, key: str) -> Measure:
    atoms = select_single_atoms(structure.topology, selections, key)

    def dihedral(frames: mdtraj.Trajectory) -> np.ndarray:
        return mdtraj.compute_dihedrals(frames, [atoms], periodic=False)[:, 0]

    return dihedral


def _find_angle(selections: list[str], structure: mdtraj.Trajectory, key: str) -> Measure:
    atoms = select_single_atoms(structure.topology, selections, key)

    def angle(frames: mdtraj.Trajectory) -> np.ndarray:
        return mdtraj.compute_angles(frames, [atoms], periodic=False)[:, 0]

    return angle


def _find_distance(selections: list[str], structure: mdtraj.Trajectory, key: str) -> Measure:
    """Return what measures the distance of two atoms, or of the centres of geometry of two groups."""
    groups = [select_atoms(structure.topology, selection, f"{key}[{i}]") for i, selection in enumerate(selections)]
    shared = np.intersect1d(*groups)
    if len(shared):
        atom = structure.topology.atom(shared[0])
        raise InputError(f"{key} has the atom {atom} at both ends; select two groups that share no atom.")

    def distance(frames: mdtraj.Trajectory) -> np.ndarray:
        first, second = (frames.xyz[:, atoms].mean(axis=1, dtype=float) for atoms in groups)
        return np.linalg.norm(first - second, axis=1)

    return distance


def _find_end_to_end(ends: str | list[str], structure: mdtraj.Trajectory, key: str) -> Measure:
    """Return what measures the distance from the first to the last atom of a selection, or of two atoms."""
    if isinstance(ends, str):
        atoms = select_atoms(structure.topology, ends, key)
        if len(atoms) < 2:
            raise InputError(f"{key} is {ends!r}, which matches one atom; select at least two, or name both ends.")
        pair = (int(atoms[0]), int(atoms[-1]))
    else:
        pair = select_single_atoms(structure.topology, ends, key)

    def end_to_end(frames: mdtraj.Trajectory) -> np.ndarray:
        return mdtraj.compute_distances(frames, [pair], periodic=False)[:, 0]

    return end_to_end


def _find_radius_of_gyration(selection: str, structure: mdtraj.Trajectory, key: str) -> Measure:
    atoms = select_atoms(structure.topology, selection, key)

    def radius(frames: mdtraj.Trajectory) -> np.ndarray:
        return radii_of_gyration(frames.topology, frames.xyz, atoms)

    return radius


def radii_of_gyration(topology: mdtraj.Topology, positions: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return radii of gyration, weighted by mass and about the centre of mass.

    ``mdtraj.compute_rg`` weights by mass about the centre of geometry.

    Args:
        topology: The topology.
        positions: The positions [nm] of all atoms with ``shape=(n_frames, n_atoms, 3)``.
        atoms: The indices of the atoms that count.

    Returns:
        The radii [nm] with ``shape=(n_frames,)``.
    """
    masses = np.array([topology.atom(atom).element.mass for atom in atoms])
    weights = masses / masses.sum()
    part = positions[:, atoms].astype(float)
    offsets = part - np.einsum("a,fai->fi", weights, part)[:, None]
    return np.sqrt(np.einsum("a,fai,fai->f", weights, offsets, offsets))


def _find_rmsd(definition: dict[str, str | None], structure: mdtraj.Trajectory, key: str) -> Measure:
    """Return what measures the root mean square distance of atoms from a reference, after superposition."""
    atoms = select_atoms(structure.topology, definition["atoms"], f"{key}.atoms")
    aligned = select_atoms(structure.topology, definition["align"], f"{key}.align") if definition["align"] else atoms
    both = definition["atoms"] if definition["align"] is None else f"({definition['atoms']}) or ({definition['align']})"
    used = np.union1d(atoms, aligned)
    reference = _reference(definition["reference"], both, used, structure, key)
    atoms, aligned = np.searchsorted(used, atoms), np.searchsorted(used, aligned)
    check_reference(reference.xyz[0, aligned], f"{key}.{'align' if definition['align'] else 'atoms'}")

    def rmsd(frames: mdtraj.Trajectory) -> np.ndarray:
        part = frames.atom_slice(used).superpose(reference, atom_indices=aligned)
        offsets = part.xyz[:, atoms].astype(float) - reference.xyz[0, atoms]
        return np.sqrt((offsets**2).sum(axis=2).mean(axis=1))

    return rmsd


def _find_native_contacts(definition: dict[str, str | None], structure: mdtraj.Trajectory, key: str) -> Measure:
    """Return what measures Q, the fraction of native contacts.

    R. B. Best, G. Hummer and W. A. Eaton, PNAS 110, 17874 (2013), doi:10.1073/pnas.1311599110.
    """
    atoms = select_atoms(structure.topology, definition["atoms"], f"{key}.atoms")
    reference = _reference(definition["reference"], definition["atoms"], atoms, structure, key)
    residues = [structure.topology.atom(atom).residue for atom in atoms]
    near = scipy.spatial.cKDTree(reference.xyz[0]).query_pairs(CONTACT_CUTOFF, output_type="ndarray")
    contacts = [(i, j) for i, j in near if _are_far_apart(residues[i], residues[j])]
    if not contacts:
        raise InputError(
            f"{key} finds no contact: in {definition['reference'] or 'the prepared structure'} no two atoms of "
            f"{definition['atoms']!r} more than {CONTACT_SEPARATION} residues apart are within {CONTACT_CUTOFF} nm; "
            "give another reference or more atoms."
        )
    lengths = mdtraj.compute_distances(reference, contacts, periodic=False)[0]
    pairs = atoms[np.array(contacts)]

    def fraction(frames: mdtraj.Trajectory) -> np.ndarray:
        distances = mdtraj.compute_distances(frames, pairs, periodic=False)
        return scipy.special.expit(CONTACT_STEEPNESS * (CONTACT_TOLERANCE * lengths - distances)).mean(axis=1)

    return fraction


def _are_far_apart(one: mdtraj.core.topology.Residue, other: mdtraj.core.topology.Residue) -> bool:
    """Tell whether contacts of two residues count: those between chains, or far enough apart along one."""
    return one.chain.index != other.chain.index or abs(one.index - other.index) > CONTACT_SEPARATION


def _reference(
    path: str | None, selection: str, atoms: np.ndarray, structure: mdtraj.Trajectory, key: str
) -> mdtraj.Trajectory:
    """Return selected atoms of a reference file, or of the prepared structure."""
    chosen = structure.atom_slice(atoms)
    if path is not None:
        chosen.xyz = load_reference(path, structure.topology, selection, f"{key}.reference")[None].astype(np.float32)
    return chosen


_FINDERS: dict[str, Callable[[Any, mdtraj.Trajectory, str], Measure]] = {
    "dihedral": _find_dihedral,
    "angle": _find_angle,
    "distance": _find_distance,
    "end_to_end": _find_end_to_end,
    "rmsd": _find_rmsd,
    "radius_of_gyration": _find_radius_of_gyration,
    "native_contacts": _find_native_contacts,
}

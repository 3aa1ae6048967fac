"""The atoms of dihedrals and distances, found in a topology by name, by selection or by bonds."""

import mdtraj
import numpy as np

from .errors import InputError
from .features import Features, no_atoms
from .trajectories import atoms_of_molecules, select_atoms, select_single_atoms

_NAMED_DIHEDRALS = {
    "phi": mdtraj.geometry.dihedral.indices_phi,
    "psi": mdtraj.geometry.dihedral.indices_psi,
    "omega": mdtraj.geometry.dihedral.indices_omega,
    "chi1": mdtraj.geometry.dihedral.indices_chi1,
    "chi2": mdtraj.geometry.dihedral.indices_chi2,
}


def find_features(topology: mdtraj.Topology, atoms: np.ndarray, training: dict) -> Features:
    """Find the atoms of a network's inputs.

    Args:
        topology: The topology.
        atoms: The indices of the atoms that the network sees, those of ``training.atoms``.
        training: The ``training`` section of a configuration, of which ``inputs``, ``dihedrals`` and ``distances`` are read.

    Returns:
        The inputs; distances are still in nm.

    Raises:
        InputError: If a dihedral or distance cannot be found, or needs atoms outside ``training.atoms``.
    """
    kinds = training["inputs"]
    dihedrals, pairs = no_atoms(4), no_atoms(2)
    if "dihedrals" in kinds:
        dihedrals = find_dihedrals_within(topology, atoms, training["dihedrals"], "training.dihedrals")
    if "distances" in kinds:
        found = find_pairs(topology, atoms, training["distances"], "training.distances")
        pairs = _within(found, atoms, topology, "training.distances", 2)
    return Features("positions" in kinds, dihedrals, pairs)


def find_dihedrals_within(
    topology: mdtraj.Topology, atoms: np.ndarray, dihedrals: str | list[str | list[str]], key: str
) -> np.ndarray:
    """Find dihedrals as ``find_dihedrals`` does, counted within the atoms that the network sees, ``shape=(n_dihedrals, 4)``.

    Raises:
        InputError: If one cannot be found, or needs atoms that the network does not see.
    """
    _check_named(topology, dihedrals, key)
    return _within(find_dihedrals(topology, atoms, dihedrals, key), atoms, topology, key, 4)


def _within(
    found: list[tuple[int, ...]], atoms: np.ndarray, topology: mdtraj.Topology, key: str, width: int
) -> np.ndarray:
    """Renumber the atoms of dihedrals or distances to those that the network sees."""
    if not found:
        raise InputError(f"{key} finds nothing among training.atoms; select more atoms or leave it out.")
    return renumber(topology, atoms, np.array(found).ravel(), key).reshape(-1, width)


def renumber(topology: mdtraj.Topology, atoms: np.ndarray, selected: np.ndarray, key: str) -> np.ndarray:
    """Renumber selected atoms of a topology to those that the network sees.

    Args:
        topology: The topology.
        atoms: The indices of the atoms that the network sees.
        selected: The indices of the atoms to renumber.
        key: The config key that they come from, for the error.

    Raises:
        InputError: If an atom is not among those that the network sees.
    """
    local = {int(atom): i for i, atom in enumerate(atoms)}
    outside = sorted({int(atom) for atom in selected} - local.keys())
    if outside:
        names = ", ".join(str(topology.atom(atom)) for atom in outside[:4])
        raise InputError(f"{key} needs the atoms {names}, which training.atoms leaves out; add them there.")
    return np.array([local[int(atom)] for atom in selected], dtype=np.int64)


def find_dihedrals(
    topology: mdtraj.Topology,
    atoms: np.ndarray,
    dihedrals: str | list[str | list[str]],
    key: str = "training.dihedrals",
) -> list[tuple[int, ...]]:
    """Find the atoms of dihedrals.

    Args:
        topology: The topology.
        atoms: The indices of the atoms that the network sees.
        dihedrals: ``bonded`` for one dihedral about every bond between atoms seen that has a neighbour seen at either
            end; or a list of names (``phi``, ``psi``, ``omega``, ``chi1``, ``chi2``) and of four selections of one atom
            each.
        key: The config key that they come from, for errors.

    Raises:
        InputError: If a selection does not match one atom, or the four atoms of a dihedral lie in two molecules.
    """
    if dihedrals == "bonded":
        return _bonded_dihedrals(topology, atoms)
    found: list[tuple[int, ...]] = []
    for i, item in enumerate(dihedrals):
        if isinstance(item, str):
            found += [tuple(int(atom) for atom in quadruple) for quadruple in _NAMED_DIHEDRALS[item](topology)]
        else:
            found.append(select_single_atoms(topology, item, f"{key}[{i}]"))
            _check_one_molecule(topology, f"{key}[{i}]", found[-1])
    return list(dict.fromkeys(found))


def _check_named(topology: mdtraj.Topology, dihedrals: str | list[str | list[str]], key: str) -> None:
    """Refuse names of dihedrals that the topology has none of."""
    for name in [item for item in dihedrals if isinstance(item, str)] if dihedrals != "bonded" else []:
        if len(_NAMED_DIHEDRALS[name](topology)) == 0:
            raise InputError(f"{key} names {name!r}, and the structure has none; drop it.")


def _check_one_molecule(topology: mdtraj.Topology, key: str, atoms: tuple[int, ...]) -> None:
    if not set(atoms) <= {*atoms_of_molecules(topology, np.array(atoms[:1])).tolist()}:
        names = ", ".join(str(topology.atom(atom)) for atom in atoms)
        raise InputError(f"{key} runs across two molecules ({names}); choose four atoms of one.")


def _bonded_dihedrals(topology: mdtraj.Topology, atoms: np.ndarray) -> list[tuple[int, ...]]:
    """Return one dihedral about every bond between atoms seen that has a neighbour seen at either end."""
    seen = {int(atom) for atom in atoms}
    neighbours: dict[int, list[int]] = {atom: [] for atom in seen}
    for first, second in topology.bonds:
        if first.index in seen and second.index in seen:
            neighbours[first.index].append(second.index)
            neighbours[second.index].append(first.index)
    found = []
    for second in sorted(seen):
        for third in sorted(neighbours[second]):
            ends = (set(neighbours[second]) - {third}, set(neighbours[third]) - {second})
            if second < third and all(ends) and min(ends[0]) != min(ends[1]):
                found.append((min(ends[0]), second, third, min(ends[1])))
    return found


def find_pairs(
    topology: mdtraj.Topology, atoms: np.ndarray, distances: str | list[list[str]], key: str
) -> list[tuple[int, ...]]:
    """Find the atoms of distances.

    Args:
        topology: The topology.
        atoms: The indices of the atoms that the network sees.
        distances: ``all`` for every pair of atoms seen, a selection for every pair of its atoms, or a list of pairs of
            selections of one atom each.
        key: The config key that they come from, for the error.

    Raises:
        InputError: If a selection matches no atom, or one of a pair not exactly one.
    """
    if not isinstance(distances, str):
        return [select_single_atoms(topology, pair, f"{key}[{i}]") for i, pair in enumerate(distances)]
    chosen = atoms if distances == "all" else select_atoms(topology, distances, key)
    if len(chosen) < 2:
        raise InputError(f"{key} is {distances!r}, which selects one atom; a distance needs two: select more atoms.")
    return [(int(first), int(second)) for i, first in enumerate(chosen) for second in chosen[i + 1 :]]

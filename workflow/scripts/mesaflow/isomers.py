"""Peptide bonds that stay cis or trans as they are: what a restraint must not do to a molecule while it is pushed around.

A restraint on collective variables that the network has just learned may well turn a peptide bond before it turns a
backbone dihedral. The bond then stays cis for the rest of every simulation that starts there, as its barrier of some
80 kJ/mol is never crossed without a bias, and free energies are those of a mixture that nobody equilibrated.
"""

from dataclasses import dataclass

import mdtraj
import numpy as np
import openmm

_FLAT_DEG = 60.0  # from planar; thermal fluctuations are about 10 degrees, strained ones at barriers 30
_HEIGHT = 500.0  # kJ/mol: adds 125 kJ/mol at the barrier, 90 degrees from planar
_ENERGY = f"{_HEIGHT}*step(beyond)*beyond^2; beyond={float(np.cos(np.radians(_FLAT_DEG)))}-cos(theta-planar)"


@dataclass(frozen=True)
class PeptideBond:
    """A peptide bond.

    Attributes:
        atoms: The four atoms of the dihedral ω, as indices into the topology.
        cis: Whether it is cis.
    """

    atoms: tuple[int, int, int, int]
    cis: bool


def find_peptide_bonds(topology: mdtraj.Topology, positions: np.ndarray) -> list[PeptideBond]:
    """Find the peptide bonds: those between an atom C and an atom N of two residues, caps among them.

    Args:
        topology: The topology, with its bonds.
        positions: Positions [nm] with ``shape=(n_atoms, 3)``, by which each bond is cis or trans.
    """
    carbons = _bonded_carbons(topology)
    bonds = []
    for pair in topology.bonds:
        ends = {atom.name: atom for atom in pair}
        if ends.keys() == {"C", "N"} and pair[0].residue != pair[1].residue:
            carbon, nitrogen = ends["C"], ends["N"]
            bonds.append((_alpha(carbons, carbon), carbon.index, nitrogen.index, _alpha(carbons, nitrogen)))
    if not bonds:
        return []
    omegas = mdtraj.compute_dihedrals(mdtraj.Trajectory(positions[None], topology), bonds, periodic=False)[0]
    return [PeptideBond(atoms, bool(np.cos(omega) > 0)) for atoms, omega in zip(bonds, omegas, strict=True)]


def _bonded_carbons(topology: mdtraj.Topology) -> dict[int, list[mdtraj.core.topology.Atom]]:
    """Return, for each atom, the carbons of its own residue that it is bonded to, those called CA first."""
    found: dict[int, list] = {atom.index: [] for atom in topology.atoms}
    for first, second in topology.bonds:
        if first.residue == second.residue:
            for atom, other in ((first, second), (second, first)):
                if other.element.symbol == "C":
                    found[atom.index].append(other)
    return {
        index: sorted(carbons, key=lambda atom: (atom.name != "CA", atom.index)) for index, carbons in found.items()
    }


def _alpha(carbons: dict[int, list], atom: mdtraj.core.topology.Atom) -> int:
    return carbons[atom.index][0].index


def keep_peptide_bonds(system: openmm.System, bonds: list[PeptideBond]) -> None:
    """Add walls that keep every peptide bond as it is, cis or trans; within 60° of planar they are no force at all.

    Args:
        system: The system; the walls are one ``CustomTorsionForce`` more.
        bonds: Its peptide bonds.
    """
    if not bonds:
        return
    walls = openmm.CustomTorsionForce(_ENERGY)
    walls.addPerTorsionParameter("planar")
    walls.setName("peptide_bonds")
    for bond in bonds:
        walls.addTorsion(*bond.atoms, [0.0 if bond.cis else np.pi])
    system.addForce(walls)

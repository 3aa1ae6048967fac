"""Build alanine dipeptide (Ac-Ala-NMe, L) from standard bond lengths, angles and torsions, and minimise it with OpenMM.

Run it from the project's root; it writes ``alanine_dipeptide.pdb`` beside itself.
"""

import sys
from pathlib import Path

import numpy as np
from openmm import Vec3, app, unit

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1] / "workflow" / "scripts"))

from mesaflow.systems import build_system, minimise, save_topology  # noqa: E402

FORCE_FIELD = "amber99sb.xml"
PHI, PSI = -80.0, 60.0

# Residue, atom, element, then bonded atom + length [Å], angle atom + angle [deg], torsion atom + torsion [deg].
# Lengths and angles: R. A. Engh & R. Huber, Acta Cryst. A 47, 392 (1991), doi:10.1107/S0108767391001071.
INTERNAL_COORDINATES = [
    ("ACE", "CH3", "C", None, None, None),
    ("ACE", "C", "C", (0, 1.52), None, None),
    ("ACE", "O", "O", (1, 1.23), (0, 120.5), None),
    ("ALA", "N", "N", (1, 1.33), (0, 116.5), (2, 180.0)),
    ("ALA", "CA", "C", (3, 1.46), (1, 121.7), (0, 180.0)),
    ("ALA", "C", "C", (4, 1.525), (3, 111.0), (1, PHI)),
    ("ALA", "O", "O", (5, 1.23), (4, 120.5), (3, PSI + 180.0)),
    ("ALA", "CB", "C", (4, 1.53), (3, 110.4), (1, PHI - 122.5)),
    ("NME", "N", "N", (5, 1.33), (4, 116.5), (3, PSI)),
    ("NME", "C", "C", (8, 1.46), (5, 121.7), (4, 180.0)),
]


def place_atom(a, b, c, length, angle, torsion):
    """Return the position [Å] bonded to c, with the angle b–c–x and the torsion a–b–c–x [deg]."""
    angle, torsion = np.radians([angle, torsion])
    axis = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, axis)
    normal /= np.linalg.norm(normal)
    return c + length * (
        -np.cos(angle) * axis + np.sin(angle) * (np.cos(torsion) * np.cross(normal, axis) + np.sin(torsion) * normal)
    )


def place_heavy_atoms() -> np.ndarray:
    """Return the positions [Å] of the heavy atoms with ``shape=(10, 3)``."""
    positions = [np.zeros(3), np.array([INTERNAL_COORDINATES[1][3][1], 0.0, 0.0])]
    for _, _, _, bond, angle, torsion in INTERNAL_COORDINATES[2:]:
        third = positions[torsion[0]] if torsion else positions[1] + np.array([0.0, 1.0, 0.0])
        positions.append(
            place_atom(
                third, positions[angle[0]], positions[bond[0]], bond[1], angle[1], torsion[1] if torsion else 0.0
            )
        )
    return np.array(positions)


def build() -> app.Modeller:
    """Return the molecule with its hydrogens."""
    topology = app.Topology()
    chain = topology.addChain()
    residues = {name: topology.addResidue(name, chain) for name in ("ACE", "ALA", "NME")}
    for residue, name, element, *_ in INTERNAL_COORDINATES:
        topology.addAtom(name, app.Element.getBySymbol(element), residues[residue])
    topology.createStandardBonds()
    positions = [Vec3(*position) for position in place_heavy_atoms()] * unit.angstrom
    modeller = app.Modeller(topology, positions)
    modeller.addHydrogens(app.ForceField(FORCE_FIELD))
    return modeller


if __name__ == "__main__":
    molecule = build()
    system = build_system(molecule, [FORCE_FIELD], "vacuum", "none")
    minimised = minimise(system, np.array(molecule.positions.value_in_unit(unit.nanometer)))
    save_topology(FOLDER / "alanine_dipeptide.pdb", molecule.topology, minimised)

import mdtraj
import numpy as np
import openmm
import pytest

from mesaflow.isomers import find_peptide_bonds, keep_peptide_bonds


@pytest.fixture
def positions(repository) -> np.ndarray:
    return mdtraj.load(repository / "config/structures/alanine_dipeptide.pdb").xyz[0].astype(float)


def names(topology, bond) -> list[str]:
    return [str(topology.atom(atom)) for atom in bond.atoms]


def turned(positions: np.ndarray, atoms: tuple[int, ...], moved: np.ndarray, angle: float) -> np.ndarray:
    """Positions with some atoms rotated [rad] about the middle bond of a dihedral."""
    start, end = positions[atoms[1]], positions[atoms[2]]
    x, y, z = (end - start) / np.linalg.norm(end - start)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    turned = positions.copy()
    turned[moved] = (positions[moved] - start) @ rotation.T + start
    return turned


def energies_and_forces(system: openmm.System, frames: list[np.ndarray]) -> list[tuple[float, np.ndarray]]:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    found = []
    for frame in frames:
        context.setPositions(frame)
        state = context.getState(energy=True, forces=True)
        found.append((state.getPotentialEnergy()._value, np.array(state.getForces(asNumpy=True)._value)))
    return found


def only_walls(topology, bonds) -> openmm.System:
    system = openmm.System()
    for _ in range(topology.n_atoms):
        system.addParticle(1.0)
    keep_peptide_bonds(system, bonds)
    return system


def test_both_peptide_bonds_of_the_dipeptide_are_found(topology, positions):
    bonds = find_peptide_bonds(topology, positions)
    assert [names(topology, bond) for bond in bonds] == [
        ["ACE1-CH3", "ACE1-C", "ALA2-N", "ALA2-CA"],
        ["ALA2-CA", "ALA2-C", "NME3-N", "NME3-C"],
    ]
    assert not any(bond.cis for bond in bonds)


def test_a_turned_bond_is_cis(topology, positions):
    bond = find_peptide_bonds(topology, positions)[0]
    moved = np.array([atom.index for atom in topology.atoms if atom.residue.index > 0])
    assert find_peptide_bonds(topology, turned(positions, bond.atoms, moved, np.pi))[0].cis


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (30, 0), (55, 0), (90, 500 * 0.25), (180, 500 * 2.25)])
def test_walls_are_flat_near_planar_and_high_at_the_barrier(topology, positions, degrees, expected):
    bond = find_peptide_bonds(topology, positions)[0]
    moved = np.array([atom.index for atom in topology.atoms if atom.residue.index > 0])
    trajectory = mdtraj.Trajectory(positions[None], topology)
    start = mdtraj.compute_dihedrals(trajectory, [bond.atoms], periodic=False)[0, 0]
    frame = turned(positions, bond.atoms, moved, np.pi + np.radians(degrees) - start)
    ((energy, forces),) = energies_and_forces(only_walls(topology, [bond]), [frame])
    assert energy == pytest.approx(expected, abs=1e-3)
    if expected == 0:
        assert not forces.any()


def test_a_molecule_without_peptide_bonds_gets_no_force():
    system = openmm.System()
    keep_peptide_bonds(system, [])
    assert system.getNumForces() == 0

import numpy as np
import openmm
import pytest
from openmm import unit

from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.errors import InputError
from mesaflow.simulation import load_system
from mesaflow.systems import (
    build_system,
    find_force_field_file,
    load_positions,
    load_structure,
    minimise,
    save_system,
    save_topology,
)

AMBER = ["amber99sb.xml"]


@pytest.fixture(scope="module")
def alanine(alanine_pdb):
    return load_structure(alanine_pdb)


@pytest.fixture(scope="module")
def alanine_system(alanine):
    return build_system(alanine, AMBER, "vacuum", "h_bonds")


def potential_and_forces(system: openmm.System, positions: np.ndarray) -> tuple[float, np.ndarray]:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), forces


@pytest.mark.parametrize(("constraints", "n_constraints"), [("none", 0), ("h_bonds", 12), ("all_bonds", 21)])
def test_alanine_dipeptide_has_its_bonds_constrained(alanine, constraints, n_constraints):
    system = build_system(alanine, AMBER, "vacuum", constraints)
    assert system.getNumParticles() == 22
    assert system.getNumConstraints() == n_constraints


def test_there_is_no_cutoff(alanine_system):
    (nonbonded,) = [force for force in alanine_system.getForces() if isinstance(force, openmm.NonbondedForce)]
    assert nonbonded.getNonbondedMethod() == openmm.NonbondedForce.NoCutoff


@pytest.mark.parametrize(("solvent", "n_solvent_forces"), [("vacuum", 0), ("obc2", 1), ("gbn2", 1)])
def test_implicit_solvent_adds_its_force(alanine, solvent, n_solvent_forces):
    forces = build_system(alanine, AMBER, solvent, "h_bonds").getForces()
    assert sum(isinstance(force, (openmm.GBSAOBCForce, openmm.CustomGBForce)) for force in forces) == n_solvent_forces


def test_implicit_solvent_lowers_the_energy(alanine, alanine_system, alanine_pdb):
    positions = load_positions(alanine_pdb)
    solvated = build_system(alanine, AMBER, "obc2", "h_bonds")
    assert potential_and_forces(solvated, positions)[0] < potential_and_forces(alanine_system, positions)[0] - 20


def test_force_field_file_of_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = find_force_field_file("amber99sb.xml")
    assert shipped.is_absolute()
    (tmp_path / "amber99sb.xml").write_text("<ForceField/>")
    assert find_force_field_file("amber99sb.xml").read_text() == "<ForceField/>"


def test_unknown_force_field_is_refused():
    with pytest.raises(
        InputError, match=r"system.force_field names 'amber99.xml', .* give a path, or one of OpenMM's such as amber"
    ):
        find_force_field_file("amber99.xml")


def test_missing_structure_is_refused(tmp_path):
    with pytest.raises(InputError, match="system.structure is .*missing.pdb', and there is no such file"):
        load_structure(tmp_path / "missing.pdb")


def test_unreadable_structure_is_refused(tmp_path):
    (tmp_path / "broken.pdb").write_text("ATOM      1  N   ALA A   1      x.xxx   0.000   0.000\n")
    with pytest.raises(InputError, match="broken.pdb' cannot be read as PDB"):
        load_structure(tmp_path / "broken.pdb")


def test_structure_without_hydrogens_is_refused(alanine_pdb, tmp_path):
    lines = alanine_pdb.read_text().splitlines()
    heavy = [line for line in lines if line.startswith(("ATOM", "HETATM")) and line[76:78].strip() != "H"]
    (tmp_path / "heavy.pdb").write_text("\n".join([*heavy, "END\n"]))
    with pytest.raises(InputError, match=r"system.force_field \['amber99sb.xml'\] does not fit .* hydrogens"):
        build_system(load_structure(tmp_path / "heavy.pdb"), AMBER, "vacuum", "h_bonds")


def test_file_that_is_no_force_field_is_refused(alanine, tmp_path):
    (tmp_path / "broken.xml").write_text("<ForceField>")
    with pytest.raises(InputError, match="does not fit system.structure"):
        build_system(alanine, [str(tmp_path / "broken.xml")], "vacuum", "h_bonds")


def test_minimised_positions_feel_almost_no_force(alanine, alanine_pdb):
    system = build_system(alanine, AMBER, "vacuum", "none")
    start = load_positions(alanine_pdb) + np.random.default_rng(0).normal(scale=0.005, size=(22, 3))
    minimised = minimise(system, start)
    energy, forces = potential_and_forces(system, minimised)
    assert energy < potential_and_forces(system, start)[0] - 50
    assert np.sqrt((forces**2).mean()) < 2


def test_saved_system_is_the_same(alanine_system, alanine_pdb, tmp_path):
    save_system(tmp_path / "system.xml", alanine_system)
    loaded = load_system(tmp_path / "system.xml")
    assert openmm.XmlSerializer.serialize(loaded) == openmm.XmlSerializer.serialize(alanine_system)
    positions = load_positions(alanine_pdb)
    assert potential_and_forces(loaded, positions)[0] == potential_and_forces(alanine_system, positions)[0]


def test_saved_system_with_a_python_force_is_refused(argon, argon_encoder, tmp_path):
    system = openmm.XmlSerializer.clone(argon)
    add_restraint(system, HarmonicRestraint(argon_encoder, np.zeros(2), 1.0))
    save_system(tmp_path / "system.xml", system)
    with pytest.raises(InputError, match="system.xml holds a PythonForce"):
        load_system(tmp_path / "system.xml")


def test_saved_topology_keeps_atoms_residues_and_positions(alanine, alanine_pdb, tmp_path):
    positions = load_positions(alanine_pdb) + 0.1
    save_topology(tmp_path / "topology.pdb", alanine.topology, positions)
    saved = load_structure(tmp_path / "topology.pdb")
    names = [(atom.name, atom.residue.name, atom.residue.id) for atom in alanine.topology.atoms()]
    assert [(atom.name, atom.residue.name, atom.residue.id) for atom in saved.topology.atoms()] == names
    assert saved.topology.getNumBonds() == alanine.topology.getNumBonds() == 21
    np.testing.assert_allclose(load_positions(tmp_path / "topology.pdb"), positions, atol=6e-5)


def test_positions_are_in_nanometres(alanine_pdb):
    positions = load_positions(alanine_pdb)
    assert positions.shape == (22, 3)
    np.testing.assert_allclose(positions[0], [-0.0009, -0.0026, 0.0054], atol=1e-9)

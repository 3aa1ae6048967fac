import numpy as np
import openmm
import pytest
from openmm import app, unit

from mesaflow.errors import InputError
from mesaflow.implicit import add_implicit_solvent, relaxation_system, take_out_solute, use_native_obc2
from mesaflow.isomers import find_peptide_bonds, keep_peptide_bonds
from mesaflow.structures import load_structure, positions_of
from mesaflow.systems import build_system, find_force_field_file, prepare

BOX = {"shape": "cube", "padding_nm": 0.66, "cutoff_nm": 0.9, "ionic_strength_M": 0.0}


def energy_and_forces(system: openmm.System, positions: np.ndarray) -> tuple[float, np.ndarray]:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), forces


@pytest.mark.parametrize("force_field", ["amber99sb.xml", "amber19-all.xml"])
def test_the_solute_alone_has_the_forces_of_a_solute_in_vacuum(alanine_pdb, topology, force_field):
    """amber19-all.xml has torsion maps."""
    keys = {"structure": str(alanine_pdb), "force_field": [force_field], "solvent": "tip3p", "constraints": "h_bonds"}
    _, whole = prepare(keys | {"box": BOX})
    structure = load_structure(alanine_pdb)
    positions = positions_of(structure) + np.random.default_rng(0).normal(scale=0.01, size=(22, 3))
    vacuum = build_system(structure, [force_field], "vacuum", "h_bonds")
    for system in (whole, vacuum):
        keep_peptide_bonds(system, find_peptide_bonds(topology, positions_of(structure)))
    alone = take_out_solute(whole, 22)
    assert alone.getNumConstraints() == vacuum.getNumConstraints()
    expected, expected_forces = energy_and_forces(vacuum, positions)
    energy, forces = energy_and_forces(alone, positions)
    assert energy == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-6)


@pytest.mark.parametrize("model", ["obc2", "gbn2"])
def test_implicit_solvent_is_that_of_the_force_field_files(alanine_pdb, model):
    structure = load_structure(alanine_pdb)
    added = build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds")
    add_implicit_solvent(added, structure.topology, model)
    expected = build_system(structure, ["amber99sb.xml"], model, "h_bonds")
    positions = positions_of(structure)
    assert energy_and_forces(added, positions)[0] == pytest.approx(energy_and_forces(expected, positions)[0], abs=1e-6)


def test_native_obc2_has_the_forces_of_the_formula(alanine_pdb):
    structure = load_structure(alanine_pdb)
    files = [str(find_force_field_file(name)) for name in ("amber99sb.xml", "implicit/obc2.xml")]
    formula = app.ForceField(*files).createSystem(structure.topology, nonbondedMethod=app.NoCutoff)
    native = openmm.XmlSerializer.clone(formula)
    use_native_obc2(native)
    kinds = [type(force) for force in native.getForces()]
    assert openmm.GBSAOBCForce in kinds and openmm.CustomGBForce not in kinds
    positions = positions_of(structure) + np.random.default_rng(0).normal(scale=0.01, size=(22, 3))
    expected, expected_forces = energy_and_forces(formula, positions)
    energy, forces = energy_and_forces(native, positions)
    assert energy == pytest.approx(expected, abs=1e-4)  # Coulomb's constant is given to seven digits in one of them
    np.testing.assert_allclose(forces, expected_forces, atol=1e-3)
    use_native_obc2(native)
    assert [type(force) for force in native.getForces()] == kinds


def test_frames_without_solvent_are_relaxed_in_their_own_system(alanine_pdb):
    structure = load_structure(alanine_pdb)
    system = build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds")
    assert relaxation_system(system, structure.topology) is system


def test_a_force_that_cannot_be_divided_is_refused(argon):
    system = openmm.XmlSerializer.clone(argon)
    system.addForce(openmm.CustomCentroidBondForce(1, "0"))
    with pytest.raises(InputError, match="a force of kind CustomCentroidBondForce, which cannot be divided"):
        take_out_solute(system, 2)

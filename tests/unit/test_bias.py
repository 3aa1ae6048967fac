import copy
import pickle

import numpy as np
import openmm
import pytest
from openmm import unit

from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.systems import build_system, load_structure

ENERGY, FORCE = unit.kilojoule_per_mole, unit.kilojoule_per_mole / unit.nanometer


def free_particles(n_particles: int) -> openmm.System:
    system = openmm.System()
    for _ in range(n_particles):
        system.addParticle(12.0)
    return system


def reference_context(system: openmm.System, integrator: openmm.Integrator | None = None) -> openmm.Context:
    integrator = integrator or openmm.VerletIntegrator(0.001)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


def energy_and_forces(context: openmm.Context) -> tuple[float, np.ndarray]:
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy().value_in_unit(ENERGY), state.getForces(asNumpy=True).value_in_unit(FORCE)


@pytest.fixture
def restraint(random_encoder) -> HarmonicRestraint:
    encoder = random_encoder(cv_kinds=("linear", "circular"), atoms=np.array([6, 1, 4, 3, 0]))
    return HarmonicRestraint(encoder, np.array([0.4, 3.0]), 25.0)


@pytest.fixture
def positions() -> np.ndarray:
    return np.random.default_rng(0).normal(scale=0.3, size=(8, 3))


def test_openmm_sees_the_energy_and_forces_of_the_restraint(restraint, positions):
    system = free_particles(8)
    add_restraint(system, restraint)
    context = reference_context(system)
    context.setPositions(positions)
    energy, forces = energy_and_forces(context)
    atoms = restraint.encoder.atoms
    expected_energy, expected_forces, _ = restraint.evaluate(positions[atoms])
    assert energy == pytest.approx(expected_energy, rel=1e-13)
    np.testing.assert_allclose(forces[atoms], expected_forces, rtol=1e-13)
    assert np.abs(expected_forces).max() > 1
    np.testing.assert_array_equal(np.delete(forces, atoms, axis=0), 0)


def test_force_constant_can_change_between_steps(restraint, positions):
    system = free_particles(8)
    add_restraint(system, restraint)
    context = reference_context(system)
    context.setPositions(positions)
    weak, _ = energy_and_forces(context)
    restraint.force_constant *= 3
    strong, _ = energy_and_forces(context)
    assert strong == pytest.approx(3 * weak, rel=1e-13)


def test_copied_system_keeps_the_restraint(restraint, positions):
    system = free_particles(8)
    add_restraint(system, restraint)
    context = reference_context(copy.deepcopy(system))
    context.setPositions(positions)
    energy, _ = energy_and_forces(context)
    assert energy == restraint.evaluate(positions[restraint.encoder.atoms])[0]


def test_pickled_restraint_is_the_same(restraint, positions):
    copied = pickle.loads(pickle.dumps(restraint))
    chosen = positions[:5]
    for before, after in zip(restraint.evaluate(chosen), copied.evaluate(chosen), strict=True):
        np.testing.assert_array_equal(before, after)


def test_results_are_not_overwritten_by_the_next_evaluation(restraint, positions):
    _, forces, cvs = restraint.evaluate(positions[:5])
    kept = forces.copy(), cvs.copy()
    restraint.evaluate(positions[3:])
    np.testing.assert_array_equal(forces, kept[0])
    np.testing.assert_array_equal(cvs, kept[1])


def test_energy_is_half_the_force_constant_times_the_squared_displacement(restraint, positions):
    energy, _, cvs = restraint.evaluate(positions[:5])
    displacement = restraint.encoder.displacement(cvs, restraint.center)
    assert energy == pytest.approx(0.5 * 25 * (displacement**2).sum(), rel=1e-13)


def test_restrained_molecule_conserves_energy(random_encoder, alanine_pdb):
    structure = load_structure(alanine_pdb)
    start = structure.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    atoms = np.array([0, 4, 6, 8, 10, 16, 18])
    encoder = random_encoder(seed=2, hidden_layers=(10,), reference=start[atoms], atoms=atoms)
    center = encoder.evaluate(start[None, atoms])[0] + [0.2, -0.2]
    restraint = HarmonicRestraint(encoder, center, 3000.0)
    system = build_system(structure, ["amber99sb.xml"], "vacuum", "none")
    add_restraint(system, restraint)
    context = reference_context(system, openmm.VerletIntegrator(0.0005))
    context.setPositions(start)
    context.setVelocitiesToTemperature(300, 1)
    total, bias = [], []
    for _ in range(200):
        context.getIntegrator().step(10)
        state = context.getState(energy=True, positions=True)
        total.append((state.getPotentialEnergy() + state.getKineticEnergy()).value_in_unit(ENERGY))
        bias.append(restraint.evaluate(state.getPositions(asNumpy=True)._value[atoms])[0])
    drift = np.polyfit(np.arange(200), total, 1)[0] * 200
    assert np.ptp(bias) > 50
    assert abs(drift) < 0.002 * np.ptp(bias)
    assert np.std(total) < 0.005 * np.ptp(bias)

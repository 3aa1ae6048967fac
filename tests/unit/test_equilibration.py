import numpy as np
import openmm
import pandas as pd
import pytest

from mesaflow.equilibration import equilibrate, hold, n_steps, settle
from mesaflow.interruption import Interruption
from mesaflow.periodic import Molecules
from mesaflow.simulation import Dynamics

N_ATOMS, EDGE = 64, 1.6  # nm: a third less dense than liquid argon at this temperature
SIGMA, EPSILON, MASS = 0.34, 0.996, 39.948  # nm, kJ/mol, amu
DYNAMICS = Dynamics(temperature=90.0, friction=1.0, timestep=0.005, platform="Reference")
SETTINGS = {"nvt_ps": 2.0, "npt_ps": 60.0, "pressure_bar": 1.0}
HELD = np.array([0])


@pytest.fixture(scope="module")
def argon_fluid() -> tuple[openmm.System, np.ndarray, Molecules]:
    """Argon atoms on a lattice in a periodic box."""
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(np.eye(3) * EDGE))
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(0.65)
    force.setUseDispersionCorrection(True)
    for _ in range(N_ATOMS):
        system.addParticle(MASS)
        force.addParticle(0, SIGMA, EPSILON)
    system.addForce(force)
    lattice = np.array(list(np.ndindex(4, 4, 4))) * EDGE / 4
    return system, lattice, Molecules.among([[i] for i in range(N_ATOMS)], np.arange(N_ATOMS), np.eye(3) * EDGE)


def run(argon_fluid, folder, random_seed=1, **keywords):
    system, positions, molecules = argon_fluid
    return equilibrate(system, molecules, positions, HELD, DYNAMICS, SETTINGS, random_seed, folder, **keywords)


@pytest.fixture(scope="module")
def finished(argon_fluid, tmp_path_factory):
    return run(argon_fluid, tmp_path_factory.mktemp("equilibration"))


def test_argon_comes_to_the_density_of_its_liquid(finished):
    """1.38 g/mL at 90 K (CRC Handbook); few atoms and a short cut-off leave an error of some per cent."""
    table = pd.DataFrame(finished.records)
    pressed = table[table["ensemble"] == "NPT"]
    density = pressed["density_g_per_mL"].to_numpy()
    assert table["density_g_per_mL"].iloc[0] == pytest.approx(1.036, abs=0.001)  # as it was set up
    assert density[len(density) // 2 :].mean() == pytest.approx(1.38, abs=0.1)
    assert pressed["temperature_K"].to_numpy()[len(pressed) // 2 :].mean() == pytest.approx(90, abs=6)


def test_the_box_gets_the_mean_volume_of_the_second_half(finished):
    volumes = np.array([record["volume_nm3"] for record in finished.records if record["ensemble"] == "NPT"])
    assert np.linalg.det(finished.box) == pytest.approx(volumes[len(volumes) // 2 :].mean())
    assert finished.records[-1]["time_ps"] == pytest.approx(62)


def test_a_killed_equilibration_goes_on_to_the_same_numbers(argon_fluid, finished, tmp_path):
    done = []
    with pytest.raises(Interruption, match="1 of 7 blocks are saved in"):
        run(argon_fluid, tmp_path, must_end=lambda: True)
    with pytest.raises(Interruption, match="2 of 7 blocks"):
        run(argon_fluid, tmp_path, must_end=lambda: True)
    resumed = run(argon_fluid, tmp_path, on_steps=done.append)
    assert sum(done) == n_steps(SETTINGS, DYNAMICS) == 12400
    np.testing.assert_array_equal(resumed.positions, finished.positions)
    np.testing.assert_array_equal(resumed.box, finished.box)
    assert resumed.records == finished.records


def test_another_random_seed_gives_other_numbers(argon_fluid, finished, tmp_path):
    with pytest.raises(Interruption):
        run(argon_fluid, tmp_path / "one", must_end=lambda: True)
    with pytest.raises(Interruption):
        run(argon_fluid, tmp_path / "other", random_seed=2, must_end=lambda: True)
    states = [np.load(tmp_path / name / "block-0.npz")["positions"] for name in ("one", "other")]
    assert not np.array_equal(*states)


def test_held_atoms_stay_and_the_others_move(argon_fluid):
    system, positions, _ = argon_fluid
    settled = settle(system, positions, HELD, DYNAMICS, length=0.5, random_seed=1)
    assert np.linalg.norm(settled[0] - positions[0]) < 0.03
    assert np.linalg.norm(settled[1:] - positions[1:], axis=1).max() > 0.05
    np.testing.assert_array_equal(settled, settle(system, positions, HELD, DYNAMICS, 0.5, 1))


def test_holding_leaves_the_system_as_it_was(argon_fluid):
    system, positions, _ = argon_fluid
    held = hold(system, positions, HELD)
    assert (system.getNumForces(), held.getNumForces()) == (1, 2)

import numpy as np
import pytest

from mesaflow.opes import OpesBias, OpesPotential, OpesSettings
from mesaflow.restart import Restart
from mesaflow.simulation import Dynamics, Schedule, simulate, simulation_fingerprint
from mesaflow.units import thermal_energy

TEMPERATURE = 300.0
RT = thermal_energy(TEMPERATURE)
SETTINGS = OpesSettings(barrier=30.0, width=0.2, n_kernels=400)
COLD = Dynamics(temperature=20.0, friction=1.0, timestep=0.002, platform="Reference")
SCHEDULE = Schedule(n_frames=12, steps_per_frame=30, frames_per_block=2)


class Kill(Exception):
    """Stands for a kill."""


def potential(settings: OpesSettings = SETTINGS, periods: tuple[float, ...] = (np.inf, np.inf)) -> OpesPotential:
    return OpesPotential(settings, np.array(periods), TEMPERATURE)


def test_before_all_kernels_the_bias_is_flat_at_its_depth():
    slopes = np.ones(2)
    assert potential().evaluate(np.array([0.3, 5.0]), slopes) == pytest.approx(-30.0)
    np.testing.assert_array_equal(slopes, 0)


def test_the_first_kernel_makes_a_hill_as_high_as_the_barrier():
    bias = potential()
    bias.deposit(np.array([1.0, 2.0]))
    energies = bias.energies(np.array([[1.0, 2.0], [1.1, 2.0], [9.0, 9.0]]))
    assert energies[0] == pytest.approx(0, abs=1e-3)
    assert energies[2] == pytest.approx(-30.0)
    # (1 − RT/ΔE) RT ln of a Gaussian, as far as ε does not matter
    assert energies[1] == pytest.approx(-(1 - RT / 30) * RT * 0.5 * 0.5**2, abs=1e-3)


def test_slopes_are_those_of_the_bias():
    bias, rng = potential(periods=(2 * np.pi, np.inf)), np.random.default_rng(1)
    for point in rng.normal(size=(200, 2)):
        bias.deposit(point)
    for point in rng.normal(size=(20, 2)):
        slopes = np.empty(2)
        bias.evaluate(point, slopes)
        for i, step in enumerate(1e-6 * np.eye(2)):
            difference = np.diff(bias.energies(np.array([point - step, point + step])))[0] / 2e-6
            assert slopes[i] == pytest.approx(difference, abs=1e-4)


def test_the_bias_is_static_once_all_kernels_are_there():
    bias, points = potential(OpesSettings(30.0, 0.2, 10)), np.random.default_rng(2).normal(size=(20, 2))
    for point in points[:10]:
        assert not bias.is_static
        bias.deposit(point)
    before = bias.energies(points)
    for point in points[10:]:
        bias.deposit(point)
    assert bias.is_static
    assert bias.n_deposited == 10
    np.testing.assert_array_equal(bias.energies(points), before)


def test_the_bias_compensates_a_gaussian_free_energy():
    """Fed with samples under itself, V → −(1 − RT/ΔE) F, up to a constant and to the width of the kernels."""
    rng, bias = np.random.default_rng(3), potential(OpesSettings(20.0, 0.1, 4000), (np.inf,))
    grid = np.linspace(-2.5, 2.5, 501)
    free_energy = 0.5 * 5.0 * grid**2
    for i in range(4000):
        if i % 100 == 0:
            exponents = -(free_energy + bias.energies(grid[:, None])) / RT
            probabilities = np.exp(exponents - exponents.max())
            probabilities /= probabilities.sum()
            drawn = rng.choice(grid, size=100, p=probabilities)
        bias.deposit(drawn[i % 100 : i % 100 + 1])
    inside = free_energy < 10
    sum_of_both = (bias.energies(grid[:, None]) + (1 - RT / 20) * free_energy)[inside]
    assert np.ptp(bias.energies(grid[inside, None])) > 7
    assert sum_of_both.std() < 0.5


def test_settings_come_from_the_configuration():
    opes = {"barrier_kJ_per_mol": 40.0, "width": 0.1, "build_ps": 10.0, "pace_ps": 0.5}
    assert OpesSettings.from_config(opes) == OpesSettings(40.0, 0.1, 20)


@pytest.mark.parametrize(("n_failures", "barrier"), [(0, 30.0), (1, 15.0), (2, 7.5), (3, 2 * RT), (9, 2 * RT)])
def test_a_failed_walker_gets_half_the_barrier_down_to_2_rt(n_failures, barrier):
    assert SETTINGS.weakened(n_failures, TEMPERATURE) == OpesSettings(pytest.approx(barrier), 0.2, 400)


@pytest.mark.parametrize("kinds", [("linear", "circular"), ("tanh", "linear")])
def test_openmm_sees_forces_that_are_minus_the_gradient(random_encoder, kinds):
    encoder = random_encoder(cv_kinds=kinds)
    rng = np.random.default_rng(4)
    bias = OpesBias(encoder, SETTINGS, TEMPERATURE)
    frames = rng.normal(scale=0.2, size=(60, 5, 3))
    for cvs in encoder.evaluate(frames):
        bias.learn(cvs)
    energy, forces, cvs = bias.evaluate(frames[0])
    assert energy == pytest.approx(bias.potential.energies(cvs[None])[0], rel=1e-12)
    assert np.abs(forces).max() > 1
    for atom, axis in [(0, 0), (2, 1), (4, 2)]:
        step = np.zeros((5, 3))
        step[atom, axis] = 1e-6
        difference = (bias.evaluate(frames[0] + step)[0] - bias.evaluate(frames[0] - step)[0]) / 2e-6
        assert forces[atom, axis] == pytest.approx(-difference, rel=1e-4, abs=1e-4)


@pytest.fixture
def walk(argon, argon_encoder, tetrahedron, tmp_path):
    """Simulate argon under a bias that it builds in its first 8 frames."""

    def simulate_argon(name: str, random_seed: int = 5, **options) -> tuple[dict[str, np.ndarray], OpesBias]:
        bias = OpesBias(argon_encoder, OpesSettings(2.0, 0.1, 8), COLD.temperature)
        restart = Restart(tmp_path / name)
        return simulate(argon, tetrahedron, COLD, SCHEDULE, random_seed, restart, bias, **options), bias

    return simulate_argon


@pytest.mark.parametrize("n_calls", [1, 2, 4, 5])
def test_a_walker_that_was_killed_ends_in_the_same_bytes(walk, n_calls):
    calls = []

    def die(n_steps: int) -> None:
        calls.append(n_steps)
        if len(calls) == n_calls:
            raise Kill

    whole, bias = walk("whole")
    with pytest.raises(Kill):
        walk("killed", on_steps=die)
    resumed, again = walk("killed")
    for name in whole:
        assert whole[name].tobytes() == resumed[name].tobytes(), name
    assert bias.potential.n_deposited == again.potential.n_deposited == 8
    assert walk("other", random_seed=6)[0]["cvs"].tobytes() != whole["cvs"].tobytes()


def test_a_walkers_bias_can_be_rebuilt_from_what_it_recorded(walk, argon_encoder):
    result, bias = walk("run")
    rebuilt = OpesPotential(bias.potential.settings, argon_encoder.periods, COLD.temperature)
    for cvs in result["cvs"]:
        rebuilt.deposit(cvs)
    np.testing.assert_array_equal(rebuilt.energies(result["cvs"]), bias.potential.energies(result["cvs"]))
    np.testing.assert_allclose(rebuilt.energies(result["cvs"][8:]), result["bias"][8:], rtol=1e-10)
    assert result["bias"][0] == pytest.approx(-2.0)


@pytest.mark.parametrize("changed", [OpesSettings(2.5, 0.1, 8), OpesSettings(2.0, 0.2, 8), OpesSettings(2.0, 0.1, 9)])
def test_restart_files_belong_to_the_settings_of_a_bias(argon, argon_encoder, tetrahedron, changed):
    first, second = (
        simulation_fingerprint(argon, tetrahedron, COLD, SCHEDULE, 1, OpesBias(argon_encoder, settings, 20.0))
        for settings in (OpesSettings(2.0, 0.1, 8), changed)
    )
    assert first != second

import copy
from dataclasses import replace

import numpy as np
import openmm
import pytest

from mesaflow import simulation
from mesaflow.bias import HarmonicRestraint
from mesaflow.errors import InputError
from mesaflow.restart import Restart
from mesaflow.simulation import (
    Dynamics,
    Schedule,
    SimulationFailure,
    choose_platform,
    create_context,
    simulate,
    simulation_fingerprint,
    time_platforms,
)
from mesaflow.units import thermal_energy

COLD = Dynamics(temperature=20.0, friction=1.0, timestep=0.002, platform="Reference")
# 60 steps a frame and a ramp of 130 fit neither one another nor the 50 steps between two raises of the force constant.
SHORT = Schedule(n_frames=7, steps_per_frame=60, frames_per_block=1)
RAMPED = replace(SHORT, ramp_steps=130)


class Interruption(Exception):
    """Stands for a kill."""


def interrupt_after(n_calls: int):
    """Return an on_steps that raises when it is called for the n-th time."""
    calls = []

    def on_steps(n_steps: int) -> None:
        calls.append(n_steps)
        if len(calls) == n_calls:
            raise Interruption

    return on_steps


def external_system(expression: str, n_particles: int) -> openmm.System:
    """Particles of the mass of argon in an external potential [kJ/mol]."""
    system, force = openmm.System(), openmm.CustomExternalForce(expression)
    for i in range(n_particles):
        system.addParticle(39.948)
        force.addParticle(i)
    system.addForce(force)
    return system


@pytest.fixture
def make_restraint(argon_encoder, tetrahedron):
    center = argon_encoder.evaluate(tetrahedron[None])[0] + 0.3
    return lambda: HarmonicRestraint(argon_encoder, center, 40.0)


@pytest.fixture
def run(argon, tetrahedron, make_restraint, tmp_path):
    """Simulate argon, restrained if the schedule has a ramp, and say where its restart files lie by a name."""

    def simulate_argon(schedule: Schedule, name: str, random_seed: int = 11, **options) -> dict[str, np.ndarray]:
        restraint = make_restraint() if schedule.ramp_steps else None
        return simulate(argon, tetrahedron, COLD, schedule, random_seed, Restart(tmp_path / name), restraint, **options)

    return simulate_argon


def assert_identical(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("schedule", [SHORT, RAMPED], ids=["free", "restrained"])
@pytest.mark.parametrize("n_calls", [1, 2, 3, 5])
def test_interrupted_run_ends_in_the_same_bits(run, schedule, n_calls):
    with pytest.raises(Interruption):
        run(schedule, "interrupted", on_steps=interrupt_after(n_calls))
    resumed_steps = []
    resumed = run(schedule, "interrupted", on_steps=resumed_steps.append)
    assert_identical(resumed, run(schedule, "whole"))
    assert resumed_steps[0] == n_calls * 60
    assert sum(resumed_steps) == schedule.n_steps


def test_run_interrupted_again_and_again_ends_in_the_same_bits(run):
    for _ in range(3):
        with pytest.raises(Interruption):
            run(RAMPED, "interrupted", on_steps=interrupt_after(2))
    assert_identical(run(RAMPED, "interrupted"), run(RAMPED, "whole"))


def test_finished_run_is_returned_without_simulating(run, monkeypatch):
    whole = run(RAMPED, "whole")
    monkeypatch.setattr(simulation, "_step", lambda *_: pytest.fail("simulated again"))
    assert_identical(run(RAMPED, "whole"), whole)


@pytest.mark.parametrize("schedule", [SHORT, RAMPED], ids=["free", "restrained"])
def test_block_size_changes_nothing(run, schedule):
    results = [run(replace(schedule, frames_per_block=n), str(n)) for n in (1, 3, 100)]
    assert len(results[0]["positions"]) == 7
    assert_identical(results[0], results[1])
    assert_identical(results[0], results[2])


def test_random_seed_decides_the_trajectory(run):
    first, again, other = run(SHORT, "a", 1), run(SHORT, "b", 1), run(SHORT, "c", 2)
    assert_identical(first, again)
    assert np.abs(first["positions"][0] - other["positions"][0]).max() > 1e-4


def test_restraint_pulls_and_is_recorded(run, make_restraint, tetrahedron):
    result, restraint = run(RAMPED, "restrained"), make_restraint()
    assert result["positions"].shape == (7, 4, 3) and result["positions"].dtype == np.float32
    assert result["cvs"].shape == (7, 2) and result["bias"].shape == (7,)
    np.testing.assert_allclose(result["cvs"], restraint.encoder.evaluate(result["positions"]), atol=1e-6)
    expected = 20 * ((result["cvs"] - restraint.center) ** 2).sum(axis=1)
    np.testing.assert_allclose(result["bias"], expected, rtol=1e-12)
    assert result["bias"][-1] < restraint.evaluate(tetrahedron)[0]


def test_free_run_has_positions_only(run):
    assert run(SHORT, "free").keys() == {"positions"}


def test_ramp_raises_the_force_constant_in_steps(argon, tetrahedron, make_restraint, monkeypatch, tmp_path):
    seen, restraint, step = [], make_restraint(), simulation._step

    def record(integrator: openmm.Integrator, n_steps: int) -> None:
        seen.append((restraint.force_constant, n_steps))
        step(integrator, n_steps)

    monkeypatch.setattr(simulation, "_step", record)
    simulate(argon, tetrahedron, COLD, RAMPED, 1, Restart(tmp_path / "r"), restraint)
    force_constants, n_steps = zip(*seen, strict=True)
    np.testing.assert_allclose(force_constants[:6], 40 * np.array([1, 51, 61, 111, 121, 130]) / 130)
    assert set(force_constants[5:]) == {40.0}
    assert n_steps == (50, 10, 50, 10, 50, 10, 60, 60, 60, 60)


def test_force_constant_of_the_ramp_is_what_moves_the_atoms(run):
    ramped, sudden = run(RAMPED, "ramped"), run(replace(RAMPED, ramp_steps=1), "sudden")
    assert np.abs(ramped["positions"][0] - sudden["positions"][0]).max() > 1e-4


def test_system_given_is_not_changed(run, argon):
    before = openmm.XmlSerializer.serialize(argon)
    run(RAMPED, "restrained")
    assert openmm.XmlSerializer.serialize(argon) == before


def test_overlapping_atoms_fail(argon, tetrahedron, tmp_path):
    with pytest.raises(SimulationFailure):
        simulate(argon, tetrahedron * 1e-3, COLD, SHORT, 1, Restart(tmp_path / "r"))


def test_coordinates_that_are_not_finite_fail(argon, tetrahedron, make_restraint, tmp_path):
    start = tetrahedron.copy()
    start[0, 0] = np.nan
    with pytest.raises(SimulationFailure):
        simulate(argon, start, COLD, RAMPED, 1, Restart(tmp_path / "r"), make_restraint())


def test_runaway_particles_fail_before_they_overflow(tmp_path):
    system = external_system("-500*x", 5)
    with pytest.raises(SimulationFailure, match="exploded at .* kinetic energy"):
        simulate(system, np.zeros((5, 3)), COLD, replace(SHORT, n_frames=500), 1, Restart(tmp_path / "r"))


def test_failed_run_keeps_the_sound_blocks_only(tmp_path):
    system, restart = external_system("-20*x", 5), Restart(tmp_path / "r")
    with pytest.raises(SimulationFailure):
        simulate(system, np.zeros((5, 3)), COLD, replace(SHORT, n_frames=500), 1, restart)
    _, blocks = restart.load()
    assert 0 < len(blocks) < 500
    assert all(np.isfinite(block["positions"]).all() for block in blocks)


def test_harmonic_particles_have_the_exact_variance(tmp_path):
    """The LFMiddle scheme samples the positions of a harmonic oscillator exactly at any stable time step."""
    dynamics = Dynamics(temperature=300.0, friction=5.0, timestep=0.02, platform="Reference")
    schedule = Schedule(n_frames=1500, steps_per_frame=75, frames_per_block=500)
    force_constant, n_particles = 1000.0, 20  # kJ/mol/nm²: 5 rad/ps
    system = external_system(f"{force_constant / 2}*(x^2+y^2+z^2)", n_particles)
    result = simulate(system, np.zeros((n_particles, 3)), dynamics, schedule, 3, Restart(tmp_path / "r"))
    values = result["positions"][10:].astype(float)
    expected = thermal_energy(300.0) / force_constant
    assert abs((values**2).mean() / expected - 1) < 4 * np.sqrt(2 / values.size)
    assert abs(values.mean()) < 4 * np.sqrt(expected / values.size)


def test_schedule_from_a_configuration():
    dynamics = Dynamics(300.0, 1.0, 0.002, "Reference")
    stage = {"length_ps": 100, "save_interval_ps": 0.5, "ramp_ps": 10}
    schedule = Schedule.from_config(dynamics, stage, restart_interval=5)
    assert schedule == Schedule(n_frames=200, steps_per_frame=250, frames_per_block=10, ramp_steps=5000)
    assert schedule.n_steps == 50_000


def test_schedule_of_a_stage_without_a_ramp_and_with_rare_frames():
    dynamics = Dynamics(300.0, 1.0, 0.002, "Reference")
    schedule = Schedule.from_config(dynamics, {"length_ps": 40, "save_interval_ps": 20}, restart_interval=5)
    assert schedule == Schedule(n_frames=2, steps_per_frame=10_000, frames_per_block=1, ramp_steps=0)


def test_dynamics_from_a_configuration(config):
    dynamics = Dynamics.from_config(config["dynamics"], "CPU", threads=2)
    assert dynamics == Dynamics(temperature=300, friction=1, timestep=0.004, platform="CPU", threads=2)
    assert dynamics.steps(0.1) == 25


def test_auto_takes_the_fastest_platform(argon, tetrahedron, monkeypatch):
    timings = {"Reference": 30.0, "CPU": 12.0, "OpenCL": 40.0}
    monkeypatch.setattr(simulation, "time_platforms", lambda *_: timings)
    assert choose_platform(argon, tetrahedron, COLD, "auto") == ("CPU", timings)
    assert choose_platform(argon, tetrahedron, COLD, "Reference") == ("Reference", timings)


def test_platform_that_does_not_work_is_refused(argon, tetrahedron, monkeypatch):
    monkeypatch.setattr(simulation, "time_platforms", lambda *_: {"Reference": 30.0, "CPU": 12.0})
    with pytest.raises(InputError, match="dynamics.platform is 'CUDA'.*choose auto or one of Reference, CPU"):
        choose_platform(argon, tetrahedron, COLD, "CUDA")


def test_platforms_are_timed(argon, tetrahedron, monkeypatch):
    monkeypatch.setattr(simulation, "_TIMING_SECONDS", 0.01)
    timings = time_platforms(argon, tetrahedron, COLD)
    known = {openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())}
    assert "Reference" in timings and timings.keys() <= known
    assert all(0.05 < timing < 1e5 for timing in timings.values())


class CompilingContext:
    """A context by a clock of its own: a step takes 1 ms, and what it is first asked for 10 s more, to be compiled."""

    def __init__(self):
        self.now, self.compiled = 0.0, set()

    def _do(self, what: str, seconds: float) -> None:
        self.now += seconds + (0.0 if what in self.compiled else 10.0)
        self.compiled.add(what)

    def step(self, n_steps: int) -> None:
        self._do("step", n_steps * 1e-3)

    def getState(self, energy: bool) -> None:
        self._do("energy", 0.0)

    def getIntegrator(self) -> "CompilingContext":
        return self

    def getSystem(self) -> openmm.System:
        system = openmm.System()
        system.addParticle(1.0)
        return system


def test_compilation_is_no_part_of_the_time_of_a_step(monkeypatch):
    context = CompilingContext()
    monkeypatch.setattr(simulation.time, "perf_counter", lambda: context.now)
    assert simulation._time_steps(context) == pytest.approx(1000)


def test_fingerprint_covers_all_that_determines_a_simulation(argon, tetrahedron, argon_encoder):
    heavier = copy.deepcopy(argon)
    heavier.setParticleMass(0, 40.0)
    center = np.zeros(2)
    base = {
        "system": argon,
        "positions": tetrahedron,
        "dynamics": COLD,
        "schedule": RAMPED,
        "random_seed": 1,
        "bias": HarmonicRestraint(argon_encoder, center, 40.0),
    }
    changes = [
        {},
        {"system": heavier},
        {"positions": np.nextafter(tetrahedron, 1)},
        {"dynamics": replace(COLD, temperature=21.0)},
        {"dynamics": replace(COLD, platform="CPU")},
        {"schedule": replace(RAMPED, ramp_steps=131)},
        {"random_seed": 2},
        {"bias": None},
        {"bias": HarmonicRestraint(argon_encoder, center + [0, 1e-15], 40.0)},
        {"bias": HarmonicRestraint(argon_encoder, center, 41.0)},
        {"bias": HarmonicRestraint(replace(argon_encoder, scale=0.6), center, 40.0)},
        {"bias": HarmonicRestraint(replace(argon_encoder, atoms=np.array([1, 0, 2, 3])), center, 40.0)},
        {"bias": HarmonicRestraint(replace(argon_encoder, superposes=False), center, 40.0)},
    ]
    assert len({simulation_fingerprint(**base | change) for change in changes}) == len(changes)
    assert simulation_fingerprint(**base | {"dynamics": replace(COLD, threads=2)}) == simulation_fingerprint(**base)


GPUS = ("CUDA", "HIP", "OpenCL")
HERE = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]


@pytest.mark.parametrize("name", GPUS)
@pytest.mark.parametrize("precision", ["single", "mixed"])
def test_a_gpu_gets_the_precision_that_is_wanted_and_agrees_with_the_reference(argon, tetrahedron, name, precision):
    if name not in HERE:
        pytest.skip(f"OpenMM has no platform {name} here")
    dynamics = replace(COLD, platform=name, precision=precision)
    try:
        context = create_context(argon, dynamics, random_seed=1)
    except openmm.OpenMMException as error:
        pytest.skip(f"the platform {name} finds no device: {error}")
    assert context.getPlatform().getPropertyValue(context, "Precision") == precision
    reference = create_context(argon, COLD, random_seed=1)
    energies = []
    for one in (context, reference):
        one.setPositions(tetrahedron)
        energies.append(one.getState(energy=True).getPotentialEnergy()._value)
    assert energies[0] == pytest.approx(energies[1], rel=1e-5)


def test_precision_determines_trajectories_on_gpus_only():
    for name, differs in (("Reference", False), ("CPU", False), ("CUDA", True)):
        single, mixed = (replace(COLD, platform=name, precision=precision).physics for precision in ("single", "mixed"))
        assert (single != mixed) == differs
        assert ("precision" in single) == differs


def test_forces_in_periodic_boxes_are_summed_in_one_order():
    assert COLD.platform_properties(is_periodic=True) == {}
    assert replace(COLD, platform="CPU").platform_properties(is_periodic=False) == {"Threads": "1"}
    assert replace(COLD, platform="CPU").platform_properties(is_periodic=True) == {
        "Threads": "1",
        "DeterministicForces": "true",
    }

"""Molecular dynamics in blocks: it checks every block, and goes on after a crash where it was."""

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openmm
from openmm import unit

from .bias import Bias, HarmonicRestraint, add_bias
from .errors import InputError
from .interruption import Interruption, never
from .restart import Restart, fingerprint
from .units import FEMTOSECONDS_PER_PICOSECOND, thermal_energy

if TYPE_CHECKING:  # it settles by simulating
    from .solvent import Solvent

logger = logging.getLogger(__name__)

_TIMING_SECONDS = 0.15  # of steps on each platform, enough to tell platforms apart by tens of per cent
_FIRST_TIMING_STEPS = 20
_TIMED_PARTICLE_STEPS = 20_000  # which the slowest platform does in seconds
_RAMP_STEPS = 50  # between two raises of the force constant while it is ramped up
_CONSTRAINT_TOLERANCE = 1e-6
_GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
_CHECK_INTERVAL = (
    0.5  # ps between two looks at the energies, each of which costs a step; friction cools heat over some ps
)
_HOTTEST = 10.0  # kinetic energy, relative to the thermal one, beyond which a simulation has exploded


class SimulationFailure(RuntimeError):
    """A simulation whose coordinates or energies are no longer finite."""


def load_system(path: Path) -> openmm.System:
    """Read a system from OpenMM's XML.

    Raises:
        InputError: If it holds a PythonForce, whose pickled function could run anything.
    """
    text = Path(path).read_text()
    if "PythonForce" in text:
        raise InputError(f"{path} holds a PythonForce, which could run any code; remove the file and prepare it again.")
    return openmm.XmlSerializer.deserialize(text)


@dataclass(frozen=True)
class Dynamics:
    """How to integrate the equations of motion: Langevin dynamics in the LFMiddle discretisation.

    Z. Zhang et al., J. Phys. Chem. A 123, 6056 (2019), doi:10.1021/acs.jpca.9b02771.

    Attributes:
        temperature: The temperature [K].
        friction: The friction [1/ps].
        timestep: The time step [ps].
        platform: The name of an OpenMM platform.
        threads: The threads of the CPU platform.
        precision: The precision of platforms on GPUs: single, mixed or double.
    """

    temperature: float
    friction: float
    timestep: float
    platform: str
    threads: int = 1
    precision: str = "mixed"

    @staticmethod
    def from_config(dynamics: dict, platform: str, threads: int = 1) -> "Dynamics":
        """Read the ``dynamics`` section of a configuration."""
        return Dynamics(
            temperature=dynamics["temperature_K"],
            friction=dynamics["friction_per_ps"],
            timestep=dynamics["timestep_fs"] / FEMTOSECONDS_PER_PICOSECOND,
            platform=platform,
            threads=threads,
            precision=dynamics.get("precision", "mixed"),
        )

    @property
    def physics(self) -> dict[str, float | str]:
        """What determines a trajectory, as a plain dictionary for a fingerprint."""
        without_effect = ("threads",) if self.platform in _GPU_PLATFORMS else ("threads", "precision")
        return {key: value for key, value in asdict(self).items() if key not in without_effect}

    def platform_properties(self, is_periodic: bool) -> dict[str, str]:
        """Return what the platform is told, so that forces are summed in one order and a run can be repeated to the byte.

        Which GPU to use is left open: schedulers leave a job only its own (``CUDA_VISIBLE_DEVICES`` and the like), and
        OpenMM takes the first that works.

        Args:
            is_periodic: Whether the system is; without a box the CPU platform has one order anyway.
        """
        wanted = {"Threads": str(self.threads), "Precision": self.precision}
        if is_periodic or self.platform != "CPU":
            wanted["DeterministicForces"] = "true"
        known = openmm.Platform.getPlatformByName(self.platform).getPropertyNames()
        return {name: value for name, value in wanted.items() if name in known}

    def steps(self, length: float) -> int:
        """Return the number of steps in a length of time [ps]."""
        return round(length / self.timestep)


@dataclass(frozen=True)
class Schedule:
    """How long to simulate and what to keep.

    Attributes:
        n_frames: How many frames to record.
        steps_per_frame: Steps between two frames.
        frames_per_block: Frames between two writings of the restart files.
        ramp_steps: Steps over which a restraint's force constant rises from zero.
    """

    n_frames: int
    steps_per_frame: int
    frames_per_block: int
    ramp_steps: int = 0

    @staticmethod
    def from_config(dynamics: Dynamics, simulation: dict, restart_interval: float) -> "Schedule":
        """Translate a stage's section of a configuration, and the restart interval [ps], into steps."""
        save_interval = simulation["save_interval_ps"]
        return Schedule(
            n_frames=round(simulation["length_ps"] / save_interval),
            steps_per_frame=dynamics.steps(save_interval),
            frames_per_block=max(1, round(restart_interval / save_interval)),
            ramp_steps=dynamics.steps(simulation.get("ramp_ps", 0.0)),
        )

    @property
    def n_steps(self) -> int:
        return self.n_frames * self.steps_per_frame


def create_context(system: openmm.System, dynamics: Dynamics, random_seed: int) -> openmm.Context:
    """Create a context with a seeded Langevin integrator."""
    integrator = openmm.LangevinMiddleIntegrator(dynamics.temperature, dynamics.friction, dynamics.timestep)
    integrator.setRandomNumberSeed(random_seed)
    integrator.setConstraintTolerance(_CONSTRAINT_TOLERANCE)
    platform = openmm.Platform.getPlatformByName(dynamics.platform)
    properties = dynamics.platform_properties(system.usesPeriodicBoundaryConditions())
    return openmm.Context(system, integrator, platform, properties)


def choose_platform(
    system: openmm.System, positions: np.ndarray, dynamics: Dynamics, requested: str
) -> tuple[str, dict[str, float]]:
    """Choose the platform: the one requested, or for ``auto`` the fastest on this system.

    Returns:
        The platform's name, and the time of a step [µs] on each platform that works here.

    Raises:
        InputError: If the platform requested does not work here.
    """
    timings = time_platforms(system, positions, dynamics)
    if requested == "auto":
        return min(timings, key=timings.__getitem__), timings
    if requested not in timings:
        raise InputError(
            f"dynamics.platform is {requested!r}, which does not work on this machine; "
            f"choose auto or one of {', '.join(timings)}."
        )
    return requested, timings


def simulation_fingerprint(
    system: openmm.System,
    positions: np.ndarray,
    dynamics: Dynamics,
    schedule: Schedule,
    random_seed: int,
    bias: Bias | None = None,
    solvent: "Solvent | None" = None,
) -> str:
    """Hash everything that determines a simulation."""
    parts = {
        "openmm": openmm.version.version,
        "system": openmm.XmlSerializer.serialize(system),
        "positions": positions,
        "dynamics": dynamics.physics,
        "schedule": asdict(schedule),
        "random_seed": random_seed,
    }
    if bias is not None:
        parts |= {f"encoder_{i}": np.asarray(part) for i, part in enumerate(bias.encoder.kernel_arguments)}
        parts |= bias.definition
        parts |= {"atoms": bias.encoder.atoms}
    if solvent is not None:
        parts |= {"solvent": solvent.positions, "n_solute": solvent.n_solute, "settling": solvent.settling}
    return fingerprint(**parts)


def time_platforms(system: openmm.System, positions: np.ndarray, dynamics: Dynamics) -> dict[str, float]:
    """Time every available platform on a system.

    Args:
        system: The system.
        positions: Positions [nm] with ``shape=(n_atoms, 3)``.
        dynamics: The dynamics; its platform is ignored.

    Returns:
        The time of a step [µs] by platform; platforms that do not work here are left out.
    """
    timings = {}
    for i in range(openmm.Platform.getNumPlatforms()):
        name = openmm.Platform.getPlatform(i).getName()
        settings = asdict(dynamics) | {"platform": name}
        try:
            context = create_context(system, Dynamics(**settings), random_seed=1)
            context.setPositions(positions)
            timings[name] = _time_steps(context)
        except openmm.OpenMMException:
            continue
    return timings


def _time_steps(context: openmm.Context) -> float:
    integrator = context.getIntegrator()
    n_particles = context.getSystem().getNumParticles()
    n_steps = max(1, min(_FIRST_TIMING_STEPS, _TIMED_PARTICLE_STEPS // n_particles))
    integrator.step(n_steps)
    context.getState(energy=True)  # GPUs compile what steps and energies need when they are first asked for it
    while True:
        start = time.perf_counter()
        integrator.step(n_steps)
        context.getState(energy=True)  # waits for platforms that run asynchronously
        elapsed = time.perf_counter() - start
        if elapsed > _TIMING_SECONDS:
            return elapsed / n_steps * 1e6
        n_steps *= 2


def simulate(
    system: openmm.System,
    positions: np.ndarray,
    dynamics: Dynamics,
    schedule: Schedule,
    random_seed: int,
    restart: Restart,
    bias: Bias | None = None,
    on_steps: Callable[[int], None] = lambda n_steps: None,
    must_end: Callable[[], bool] = never,
    solvent: "Solvent | None" = None,
) -> dict[str, np.ndarray]:
    """Simulate, from the restart files if there are any.

    Args:
        system: The unbiased system; it is copied before a bias is added.
        positions: The start [nm] with ``shape=(n_atoms, 3)``; in solvent it may be that of the solute alone.
        dynamics: How to integrate.
        schedule: How long, and what to keep.
        random_seed: Seeds the velocities and the thermostat.
        restart: Where the restart files lie; they stay there, complete, when the simulation ends.
        bias: A potential of collective variables, which is told those of every frame; a restraint is raised to its force constant
            over the schedule's ramp.
        on_steps: Called with the number of steps done since its last call.
        must_end: Called after every frame; where it returns True the restart files are written and the simulation ends.
        solvent: The explicit solvent, if there is any; it is simulated, but not recorded.

    Returns:
        ``positions`` [nm] with ``shape=(n_frames, n_atoms, 3)`` in single precision, in solvent those of the solute; with a bias also ``cvs`` with
        ``shape=(n_frames, n_cvs)`` and ``bias`` [kJ/mol] with ``shape=(n_frames,)``.

    Raises:
        SimulationFailure: If coordinates or energies stop being finite.
        Interruption: If the simulation had to end before its last frame.
    """
    unbiased = system
    if bias is not None:
        system = copy.deepcopy(system)
        add_bias(system, bias)
    context = create_context(system, dynamics, random_seed)
    integrator = context.getIntegrator()
    hottest = _HOTTEST * 1.5 * system.getNumParticles() * thermal_energy(dynamics.temperature)
    frames_per_check = max(1, round(_CHECK_INTERVAL / (schedule.steps_per_frame * dynamics.timestep)))
    resumed = restart.load()
    if resumed is None:
        blocks, n_done = [], 0
        if solvent is not None and len(positions) == solvent.n_solute:
            positions = solvent.solvate(positions, unbiased, dynamics, random_seed)
        context.setPositions(positions)
        context.setVelocitiesToTemperature(dynamics.temperature, random_seed)
    else:
        checkpoint, blocks = resumed
        context.loadCheckpoint(checkpoint)
        n_done = sum(len(block["positions"]) for block in blocks)
        for cvs in [] if bias is None else np.concatenate([block["cvs"] for block in blocks]):
            bias.learn(cvs)
        logger.info(
            "going on after frame %d of %d, from the restart files of block %d", n_done, schedule.n_frames, len(blocks)
        )
        on_steps(n_done * schedule.steps_per_frame)
    while n_done < schedule.n_frames:
        frames = []
        end = min(n_done + schedule.frames_per_block, schedule.n_frames)
        for frame in range(n_done, end):
            first_step = frame * schedule.steps_per_frame
            if isinstance(bias, HarmonicRestraint) and first_step < schedule.ramp_steps:
                _step_on_ramp(integrator, bias, first_step, schedule)
            else:
                _step(integrator, schedule.steps_per_frame)
            ending = must_end()
            if ending or frame + 1 == end or (frame + 1) % frames_per_check == 0:
                _check_energies(context, hottest)
            frames.append(_observe(context, bias, solvent))
            if bias is not None:
                bias.learn(frames[-1]["cvs"])
            if ending:
                break
        block = {name: np.array([frame[name] for frame in frames]) for name in frames[0]}
        blocks.append(block)
        n_done += len(frames)
        restart.save(context.createCheckpoint(), block, len(blocks))
        on_steps(len(frames) * schedule.steps_per_frame)
        if ending and n_done < schedule.n_frames:
            raise Interruption(f"{n_done} of {schedule.n_frames} frames are saved in {restart.folder}")
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _step(integrator: openmm.Integrator, n_steps: int) -> None:
    try:
        integrator.step(n_steps)
    except openmm.OpenMMException as error:
        raise SimulationFailure(str(error)) from error


def _step_on_ramp(
    integrator: openmm.Integrator, restraint: HarmonicRestraint, first_step: int, schedule: Schedule
) -> None:
    """Do the steps of a frame with the force constant raised every few of them, and leave it at its full value."""
    full_force_constant = restraint.force_constant
    for step in range(first_step, first_step + schedule.steps_per_frame, _RAMP_STEPS):
        restraint.force_constant = full_force_constant * min(1.0, (step + 1) / schedule.ramp_steps)
        _step(integrator, min(_RAMP_STEPS, first_step + schedule.steps_per_frame - step))
    restraint.force_constant = full_force_constant


def _check_energies(context: openmm.Context, hottest: float) -> None:
    """Refuse what has exploded; ``hottest`` is the largest kinetic energy [kJ/mol] of a sound simulation."""
    state = context.getState(energy=True)
    potential = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
    if not (np.isfinite(potential) and kinetic < hottest):
        raise SimulationFailure(
            f"exploded at {state.getTime()}: potential energy {potential:.3g}, kinetic energy {kinetic:.3g} kJ/mol"
        )


def _observe(context: openmm.Context, bias: Bias | None, solvent: "Solvent | None") -> dict[str, np.ndarray]:
    """Read a frame."""
    state = context.getState(positions=True)
    positions = np.empty((context.getSystem().getNumParticles(), 3))
    state._getVectorAsNumpy(
        openmm.State.Positions, positions
    )  # the public way attaches units, which takes longer than a step
    if not np.isfinite(positions).all():
        raise SimulationFailure(f"exploded at {state.getTime()}: coordinates are not finite")
    if solvent is not None:
        positions = solvent.take_solute(positions)
    observed = {"positions": positions.astype(np.float32)}
    if bias is not None:
        energy, _, cvs = bias.evaluate(positions[bias.encoder.atoms])
        observed |= {"cvs": cvs, "bias": np.array(energy)}
    return observed

"""Bringing a solvated system to its temperature and density, and letting solvent settle around a solute that is held.

Equilibration runs in blocks, each of which starts from positions, velocities and box alone, with a random seed of its own,
so that one that was killed goes on after its last block to the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from .files import read_arrays, write_arrays
from .interruption import Interruption, never
from .periodic import Molecules
from .randomness import derive_seed
from .simulation import Dynamics, SimulationFailure, create_context
from .units import MOLAR_GAS_CONSTANT

_HOLDING = 1e4  # kJ/mol/nm²: held atoms stay within about 0.03 nm of their places
_GENTLE_TIMESTEP = 0.001  # ps, while solvent that was just placed finds its way
_TOLERANCE = 50.0  # root-mean-square force [kJ/mol/nm] at which a minimisation stops; it is to undo overlaps only
_MOST_ITERATIONS = 200
_BLOCK = 10.0  # ps between two states that a killed equilibration goes on from
_RECORD = 0.5  # ps between two rows of its table
_STEPS_PER_VOLUME_CHANGE = 25
_DENSITY_UNIT = 1.66053907e-3  # g/mL in 1 amu/nm³


@dataclass(frozen=True)
class Phase:
    """A part of an equilibration.

    Attributes:
        ensemble: NVT or NPT.
        length: How long [ps].
        holds: Whether the solute is held.
    """

    ensemble: str
    length: float
    holds: bool


def hold(system: openmm.System, positions: np.ndarray, held: np.ndarray) -> openmm.System:
    """Return a copy of a system in which some atoms are held where they are.

    Args:
        system: The system.
        positions: The positions [nm] with ``shape=(n_atoms, 3)``.
        held: The indices of the atoms.
    """
    force = openmm.CustomExternalForce(f"{_HOLDING / 2}*periodicdistance(x, y, z, x0, y0, z0)^2")
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom in held:
        force.addParticle(int(atom), positions[atom].tolist())
    copy = openmm.XmlSerializer.clone(system)
    copy.addForce(force)
    return copy


def settle(
    system: openmm.System, positions: np.ndarray, held: np.ndarray, dynamics: Dynamics, length: float, random_seed: int
) -> np.ndarray:
    """Minimise the energy and simulate shortly at constant volume, with some atoms held.

    Args:
        system: The system.
        positions: The start [nm] with ``shape=(n_atoms, 3)``.
        held: The indices of the atoms that are held.
        dynamics: How to integrate.
        length: How long to simulate [ps].
        random_seed: Seeds the velocities and the thermostat.

    Returns:
        The positions [nm] with ``shape=(n_atoms, 3)``.

    Raises:
        SimulationFailure: If coordinates stop being finite.
    """
    gentle = replace(dynamics, timestep=min(dynamics.timestep, _GENTLE_TIMESTEP))
    context = create_context(hold(system, positions, held), gentle, random_seed)
    context.setPositions(positions)
    try:
        openmm.LocalEnergyMinimizer.minimize(context, _TOLERANCE, _MOST_ITERATIONS)
        if length:
            context.setVelocitiesToTemperature(dynamics.temperature, random_seed)
            context.getIntegrator().step(gentle.steps(length))
    except openmm.OpenMMException as error:
        raise SimulationFailure(f"solvent does not settle around the solute: {error}") from error
    settled = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    if not np.isfinite(settled).all():
        raise SimulationFailure("solvent does not settle around the solute: its coordinates are not finite")
    return settled


@dataclass
class Equilibrated:
    """What an equilibration comes to.

    Attributes:
        positions: The positions [nm] with ``shape=(n_atoms, 3)``.
        box: The box vectors [nm] as rows, ``shape=(3, 3)``.
        records: What was recorded every half picosecond: time_ps, ensemble, temperature_K, potential_energy_kJ_per_mol,
            volume_nm3, density_g_per_mL.
    """

    positions: np.ndarray
    box: np.ndarray
    records: list[dict[str, float | str]]


def equilibrate(
    system: openmm.System,
    molecules: Molecules,
    positions: np.ndarray,
    held: np.ndarray,
    dynamics: Dynamics,
    settings: dict,
    random_seed: int,
    folder: Path,
    on_steps: Callable[[int], object] = lambda n_steps: None,
    must_end: Callable[[], bool] = never,
) -> Equilibrated:
    """Bring a solvated system to its temperature, then to its density.

    First the solvent is simulated at constant volume with the solute held, then all of it at constant
    pressure. The box comes out with the mean volume of the second half of that: sampling goes on at constant volume, in
    which all windows share one box and no barostat moves the solute while a restraint acts on it.

    Args:
        system: The system.
        molecules: Its molecules, in its box.
        positions: The start [nm] with ``shape=(n_atoms, 3)``, of low energy.
        held: The indices of the solute's heavy atoms.
        dynamics: How to integrate.
        settings: The ``system.equilibration`` section of a configuration.
        random_seed: Random numbers derive from it.
        folder: Where the state after every block is kept.
        on_steps: Called with the number of steps done since its last call.
        must_end: Called after every block; where it returns True the equilibration ends.

    Raises:
        SimulationFailure: If coordinates stop being finite.
        Interruption: If it had to end before its last block.
    """
    state = {"positions": positions, "velocities": np.empty((0, 3)), "box": molecules.box}
    blocks = _plan(settings)
    records = []
    for number, phase in enumerate(blocks):
        file = folder / f"block-{number}.npz"
        if not file.is_file():
            seed = derive_seed(random_seed, "equilibration", number)
            write_arrays(
                file, **_run_block(system, state, held if phase.holds else None, phase, dynamics, settings, seed)
            )
            if must_end() and number + 1 < len(blocks):
                raise Interruption(f"{number + 1} of {len(blocks)} blocks are saved in {folder}")
        state = read_arrays(file)
        records.append((phase, state["records"]))
        on_steps(dynamics.steps(phase.length))
    return _at_mean_volume(state, _tabulate(records, system), molecules)


def n_steps(settings: dict, dynamics: Dynamics) -> int:
    """Return the number of steps that ``equilibrate`` reports."""
    return sum(dynamics.steps(phase.length) for phase in _plan(settings))


def _plan(settings: dict) -> list[Phase]:
    """Divide the phases into blocks."""
    phases = (Phase("NVT", settings["nvt_ps"], True), Phase("NPT", settings["npt_ps"], False))
    blocks = []
    for phase in phases:
        n_blocks = int(np.ceil(phase.length / _BLOCK))
        blocks += [replace(phase, length=phase.length / n_blocks)] * n_blocks if n_blocks else []
    return blocks


def _run_block(
    system: openmm.System,
    state: dict[str, np.ndarray],
    held: np.ndarray | None,
    phase: Phase,
    dynamics: Dynamics,
    settings: dict,
    random_seed: int,
) -> dict[str, np.ndarray]:
    """Simulate one block from a state and return the state after it, with what was recorded on the way."""
    copy = openmm.XmlSerializer.clone(system) if held is None else hold(system, state["positions"], held)
    if phase.ensemble == "NPT":
        barostat = openmm.MonteCarloBarostat(settings["pressure_bar"], dynamics.temperature, _STEPS_PER_VOLUME_CHANGE)
        barostat.setRandomNumberSeed(random_seed)
        copy.addForce(barostat)
    timestep = min(dynamics.timestep, _GENTLE_TIMESTEP) if phase.holds else dynamics.timestep
    dynamics = replace(dynamics, timestep=timestep)
    context = create_context(copy, dynamics, random_seed)
    context.setPeriodicBoxVectors(*state["box"])
    context.setPositions(state["positions"])
    if len(state["velocities"]):
        context.setVelocities(state["velocities"])
    else:
        context.setVelocitiesToTemperature(dynamics.temperature, random_seed)
    n_records = max(1, round(phase.length / _RECORD))
    records = []
    for n_steps in np.diff(np.linspace(0, dynamics.steps(phase.length), n_records + 1).round().astype(int)):
        try:
            context.getIntegrator().step(int(n_steps))
        except openmm.OpenMMException as error:
            raise SimulationFailure(f"equilibration failed: {error}") from error
        observed = context.getState(energy=True)
        records.append(
            [
                observed.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole),
                observed.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
                observed.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3),
            ]
        )
    end = context.getState(positions=True, velocities=True)
    positions = end.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    if not np.isfinite(positions).all():
        raise SimulationFailure("equilibration failed: coordinates are not finite")
    velocities = end.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
    box = end.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer)
    return {"positions": positions, "velocities": velocities, "box": box, "records": np.array(records)}


def _tabulate(records: list[tuple[Phase, np.ndarray]], system: openmm.System) -> list[dict[str, float | str]]:
    masses = np.array([system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())])
    n_degrees = 3 * np.sum(masses > 0) - system.getNumConstraints() - 3
    rows, time = [], 0.0
    for phase, values in records:
        for kinetic, potential, volume in values:
            time += phase.length / len(values)
            rows.append(
                {
                    "time_ps": time,
                    "ensemble": phase.ensemble,
                    "temperature_K": 2 * kinetic / (n_degrees * MOLAR_GAS_CONSTANT),
                    "potential_energy_kJ_per_mol": potential,
                    "volume_nm3": volume,
                    "density_g_per_mL": masses.sum() / volume * _DENSITY_UNIT,
                }
            )
    return rows


def _at_mean_volume(state: dict[str, np.ndarray], records: list[dict], molecules: Molecules) -> Equilibrated:
    """Bring the last state to the mean volume of the second half at constant pressure, as a barostat would."""
    volumes = np.array([record["volume_nm3"] for record in records if record["ensemble"] == "NPT"])
    positions, box = state["positions"], state["box"]
    if len(volumes):
        factor = (volumes[len(volumes) // 2 :].mean() / np.linalg.det(box)) ** (1 / 3)
        shifts = molecules.centers(positions) * (factor - 1)
        positions, box = molecules.moved(positions, shifts), box * factor
    gathered = replace(molecules, box=box).gather(positions)  # around the first, which is the solute's
    return Equilibrated(gathered, box, records)

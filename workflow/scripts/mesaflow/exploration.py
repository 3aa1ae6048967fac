"""Running batches of windows, and surviving those that fail."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openmm

from .bias import Bias, HarmonicRestraint
from .encoder import Encoder
from .files import join_columns
from .interruption import never
from .manifest import center_columns
from .opes import OpesBias, OpesSettings
from .periodic import Molecules
from .randomness import derive_seed
from .restart import Restart
from .simulation import Dynamics, Schedule, SimulationFailure, simulate, simulation_fingerprint
from .solvent import Solvent

logger = logging.getLogger(__name__)


@dataclass
class Batch:
    """What the windows of a batch saw, one frame after another.

    Attributes:
        positions: The positions [nm] with ``shape=(n_frames, n_atoms, 3)``.
        samples: Columns with ``shape=(n_frames,)``: window, time_ps, cv_1 …, bias_kJ_per_mol.
        statuses: One dictionary a window.
        restarts: The restart files, complete, of every attempt.
    """

    positions: np.ndarray
    samples: dict[str, np.ndarray]
    statuses: list[dict]
    restarts: list[Restart] = field(default_factory=list)

    def remove_restart_files(self) -> None:
        """Remove the restart files, once the results are written."""
        for restart in self.restarts:
            restart.remove()


def run_batch(
    system: openmm.System,
    encoder: Encoder,
    rows: list[dict],
    starts: list[np.ndarray],
    dynamics: Dynamics,
    schedule: Schedule,
    max_attempts: int,
    restart_folder: Callable[[int, str], Path],
    on_steps: Callable[[int], None] = lambda n_steps: None,
    must_end: Callable[[], bool] = never,
    solvent: Solvent | None = None,
    opes: OpesSettings | None = None,
) -> Batch:
    """Run windows, or walkers, one after another.

    A window whose simulation fails is tried again with half the force constant, which is half the energy budget, and
    another random seed; a walker with half the barrier that its bias may overcome; if every attempt fails the batch goes on
    without it.

    Args:
        system: The unbiased system.
        encoder: The collective variables.
        rows: Rows of the window manifest.
        starts: For each row its start [nm] with ``shape=(n_atoms, 3)``.
        dynamics: How to integrate.
        schedule: How long, and what to keep.
        max_attempts: Attempts at a window.
        restart_folder: Gives the folder of the restart files for a window and a fingerprint.
        on_steps: Called with the number of steps done since its last call.
        must_end: Called after every frame; where it returns True the batch ends, with restart files for what is done.
        solvent: The explicit solvent, if there is any; starts are then those of the solute alone.
        opes: How walkers build their bias; without it, rows are windows with a restraint.

    Raises:
        Interruption: If the batch had to end before its last frame.
    """
    parts, statuses, restarts = [], [], []
    molecules = None if solvent is None else solvent.molecules_of(encoder.atoms)
    for row, start in zip(rows, starts, strict=True):
        window = row["window"]
        strength = "force_constant" if opes is None else "barrier_kJ_per_mol"
        status = {"window": window, "outcome": "failed", strength: None, "random_seed": None, "failures": []}
        for attempt in range(max_attempts):
            seed = row["random_seed"] if attempt == 0 else derive_seed(row["random_seed"], "attempt", attempt)
            bias = _create_bias(row, attempt, encoder, molecules, opes, dynamics.temperature)
            key = simulation_fingerprint(system, start, dynamics, schedule, seed, bias, solvent)
            restarts.append(Restart(restart_folder(window, key)))
            steps_done = []
            count = _counting(on_steps, steps_done)
            try:
                result = simulate(system, start, dynamics, schedule, seed, restarts[-1], bias, count, must_end, solvent)
            except SimulationFailure as failure:
                on_steps(-sum(steps_done))
                logger.warning("window %d, attempt %d: %s", window, attempt + 1, failure)
                status["failures"].append(bias.strength | {"random_seed": seed, "error": str(failure)})
                continue
            status |= {"outcome": "finished"} | bias.strength | {"random_seed": seed}
            parts.append((result["positions"], _tabulate(window, result, dynamics, schedule)))
            break
        statuses.append(status | {"n_attempts": attempt + 1, "length_ps": schedule.n_steps * dynamics.timestep})
    n_atoms = system.getNumParticles() if solvent is None else solvent.n_solute
    no_samples = _tabulate(0, {"cvs": np.empty((0, encoder.n_cvs)), "bias": np.empty(0)}, dynamics, schedule)
    return Batch(
        positions=np.concatenate([np.empty((0, n_atoms, 3), np.float32), *(positions for positions, _ in parts)]),
        samples=join_columns([no_samples, *(table for _, table in parts)]),
        statuses=statuses,
        restarts=restarts,
    )


def _create_bias(
    row: dict,
    attempt: int,
    encoder: Encoder,
    molecules: Molecules | None,
    opes: OpesSettings | None,
    temperature: float,
) -> Bias:
    """Create the bias of a window or walker, the weaker the more attempts have failed."""
    if opes is not None:
        return OpesBias(encoder, opes.weakened(attempt, temperature), temperature, molecules)
    center = np.array([row[column] for column in center_columns(encoder.n_cvs)])
    return HarmonicRestraint(encoder, center, row["force_constant"] / 2**attempt, molecules)


def _counting(on_steps: Callable[[int], object], done: list[int]) -> Callable[[int], None]:
    """Also keep what is reported, so that the steps of a failed attempt can be taken back."""

    def count(n_steps: int) -> None:
        done.append(n_steps)
        on_steps(n_steps)

    return count


def _tabulate(
    window: int, result: dict[str, np.ndarray], dynamics: Dynamics, schedule: Schedule
) -> dict[str, np.ndarray]:
    n_frames = len(result["cvs"])
    times = np.arange(1, n_frames + 1) * schedule.steps_per_frame * dynamics.timestep
    cvs = {f"cv_{k + 1}": result["cvs"][:, k] for k in range(result["cvs"].shape[1])}
    window_column = np.full(n_frames, window, dtype=np.int32)
    return {"window": window_column, "time_ps": times, **cvs, "bias_kJ_per_mol": result["bias"]}

"""Run one unbiased simulation from the minimised structure."""

from mesaflow.job import log_to

from pathlib import Path

from mesaflow.files import read_json
from mesaflow.interruption import heed_sigterm
from mesaflow.progress import StepProgress
from mesaflow.randomness import derive_seed
from mesaflow.restart import Restart, restart_folder
from mesaflow.simulation import Dynamics, Schedule, load_system, simulate, simulation_fingerprint
from mesaflow.solvent import load_solvent
from mesaflow.structures import load_positions
from mesaflow.trajectories import save_trajectory


def main(snakemake):
    settings = snakemake.params.simulation
    with log_to(snakemake.log[0]) as log, heed_sigterm() as must_end:
        system = load_system(snakemake.input.system)
        positions = load_positions(snakemake.input.get("solvated", snakemake.input.topology))
        solvent = load_solvent(snakemake.input, system)
        platform = read_json(snakemake.input.platform)["platform"]
        dynamics = Dynamics.from_config(snakemake.params.dynamics, platform, snakemake.threads)
        schedule = Schedule.from_config(dynamics, settings, snakemake.params.dynamics["restart_interval_ps"])
        stage, replica = snakemake.params.stage, int(snakemake.wildcards.replica)
        seed = derive_seed(snakemake.params.random_seed, stage, "replica", replica)
        results = Path(snakemake.output.trajectory).parents[2]  # of results/<run>/<stage>/replica-<i>
        key = simulation_fingerprint(system, positions, dynamics, schedule, seed, solvent=solvent)
        restart = Restart(restart_folder(results, f"{stage}-replica-{replica}", key))
        log.info("random seed %d, platform %s", seed, platform)
        with StepProgress(schedule.n_steps, dynamics.timestep, f"{stage} replica {replica}") as progress:
            trajectory = simulate(
                system,
                positions,
                dynamics,
                schedule,
                seed,
                restart,
                on_steps=progress.update,
                must_end=must_end,
                solvent=solvent,
            )
        save_trajectory(snakemake.output.trajectory, trajectory["positions"])
        restart.remove()


if __name__ == "__main__":
    main(snakemake)

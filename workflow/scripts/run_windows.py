"""Run a batch of restrained simulations, or of walkers that build their biases, one after another, and write what they saw."""

from mesaflow.job import log_to

from pathlib import Path

from mesaflow.encoder import Encoder
from mesaflow.exploration import run_batch
from mesaflow.files import read_json, write_columns, write_json
from mesaflow.imported import FrameReader
from mesaflow.interruption import heed_sigterm
from mesaflow.opes import OpesSettings
from mesaflow.progress import StepProgress
from mesaflow.restart import restart_folder
from mesaflow.simulation import Dynamics, Schedule, load_system
from mesaflow.solvent import load_solvent
from mesaflow.trajectories import load_topology, save_trajectory


def main(snakemake):
    rows, settings = snakemake.params.windows, snakemake.params.simulation
    stage, results = (
        snakemake.wildcards.stage,
        Path(snakemake.output.trajectory).parents[2],
    )  # of results/<run>/<stage>/batch-<i>
    with log_to(snakemake.log[0]) as log, heed_sigterm() as must_end:
        reader = FrameReader.from_config(load_topology(snakemake.input.topology), snakemake.params.imported)
        system = load_system(snakemake.input.system)
        solvent = load_solvent(snakemake.input, system, settings.get("settle_ps", 0.0))
        platform = read_json(snakemake.input.platform)["platform"]
        dynamics = Dynamics.from_config(snakemake.params.dynamics, platform, snakemake.threads)
        schedule = Schedule.from_config(dynamics, settings, snakemake.params.dynamics["restart_interval_ps"])
        starts = [reader.load(row["start_trajectory"], frame=row["start_frame"]) for row in rows]
        with StepProgress(len(rows) * schedule.n_steps, dynamics.timestep, f"{stage} windows") as progress:
            batch = run_batch(
                system,
                Encoder.load(snakemake.input.encoder),
                rows,
                starts,
                dynamics,
                schedule,
                max_attempts=settings["max_attempts"],
                restart_folder=lambda window, key: restart_folder(results, f"{stage}-window-{window}", key),
                on_steps=progress.update,
                must_end=must_end,
                solvent=solvent,
                opes=OpesSettings.from_config(settings["opes"]) if "opes" in settings else None,
            )
        for status in batch.statuses:
            log.info("window %(window)d: %(outcome)s after %(n_attempts)d attempts", status)
        save_trajectory(snakemake.output.trajectory, batch.positions)
        write_columns(snakemake.output.samples, batch.samples)
        write_json(snakemake.output.status, {"windows": batch.statuses})
        batch.remove_restart_files()


if __name__ == "__main__":
    main(snakemake)

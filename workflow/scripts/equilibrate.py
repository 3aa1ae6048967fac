"""Put the molecule into explicit solvent, and bring it to its temperature and density."""

from mesaflow.job import log_to

import shutil
from pathlib import Path

import openmm
import pandas as pd

from mesaflow.equilibration import equilibrate, n_steps, settle
from mesaflow.files import write_csv
from mesaflow.interruption import heed_sigterm
from mesaflow.progress import StepProgress
from mesaflow.restart import fingerprint, restart_folder
from mesaflow.simulation import Dynamics, choose_platform
from mesaflow.solvation import count_solute_atoms
from mesaflow.solvent import Solvent
from mesaflow.systems import prepare, save_system, save_topology, set_box


def main(snakemake):
    settings, random_seed = snakemake.params.system, snakemake.params.random_seed
    with log_to(snakemake.log[0]) as log, heed_sigterm() as must_end:
        structure, system = prepare(settings, random_seed)
        n_solute = count_solute_atoms(structure.topology)
        solvent = Solvent.from_structure(structure.topology, structure.coordinates, system, n_solute)
        dynamics = Dynamics.from_config(snakemake.params.dynamics, "CPU", snakemake.threads)
        positions = settle(system, structure.coordinates, solvent.held, dynamics, 0.0, random_seed)
        platform, timings = choose_platform(system, positions, dynamics, snakemake.params.dynamics["platform"])
        dynamics = Dynamics.from_config(snakemake.params.dynamics, platform, snakemake.threads)
        log.info("%d atoms, %d of them solute", len(positions), n_solute)
        log.info("platform %s, of %s µs a step", platform, timings)
        key = fingerprint(
            system=openmm.XmlSerializer.serialize(system),
            positions=structure.coordinates,
            dynamics=dynamics.physics,
            settings=settings["equilibration"],
            random_seed=random_seed,
        )
        folder = restart_folder(Path(snakemake.output.table).parents[1], "equilibration", key)
        with StepProgress(n_steps(settings["equilibration"], dynamics), dynamics.timestep, "equilibration") as progress:
            result = equilibrate(
                system,
                solvent.molecules,
                positions,
                solvent.held,
                dynamics,
                settings["equilibration"],
                random_seed,
                folder,
                on_steps=progress.update,
                must_end=must_end,
            )
        set_box(system, structure.topology, result.box)
        save_topology(snakemake.output.solvated, structure.topology, result.positions)
        save_system(snakemake.output.system, system)
        write_csv(snakemake.output.table, pd.DataFrame(result.records), float_format="%.6g")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(snakemake)

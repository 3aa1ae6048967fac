"""Build the system, minimise its energy and choose the platform that all its simulations run on."""

from mesaflow.files import write_json
from mesaflow.isomers import find_peptide_bonds, keep_peptide_bonds
from mesaflow.progress import log_to
from mesaflow.simulation import Dynamics, choose_platform
from mesaflow.systems import build_system, load_positions, load_structure, minimise, save_system, save_topology
from mesaflow.trajectories import load_topology


def main(snakemake):
    settings = snakemake.params.system
    with log_to(snakemake.log[0]) as log:
        structure = load_structure(snakemake.input.structure)
        system = build_system(structure, settings["force_field"], settings["solvent"], settings["constraints"])
        if settings["peptide_bonds"] == "keep":
            topology = load_topology(snakemake.input.structure)
            bonds = find_peptide_bonds(topology, load_positions(snakemake.input.structure))
            keep_peptide_bonds(system, bonds)
            log.info("%d peptide bonds, %d of them cis, stay as they are", len(bonds), sum(bond.cis for bond in bonds))
        positions = minimise(system, load_positions(snakemake.input.structure))
        dynamics = Dynamics.from_config(snakemake.params.dynamics, platform="Reference", threads=snakemake.threads)
        platform, timings = choose_platform(system, positions, dynamics, snakemake.params.dynamics["platform"])
        log.info("%d atoms; platform %s, of %s µs a step", len(positions), platform, timings)
        save_topology(snakemake.output.topology, structure.topology, positions)
        save_system(snakemake.output.system, system)
        write_json(snakemake.output.platform, {"platform": platform, "microseconds_per_step": timings})


if __name__ == "__main__":
    main(snakemake)

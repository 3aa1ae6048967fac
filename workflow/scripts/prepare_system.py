"""Build the system, minimise its energy and choose the platform that all its simulations run on."""

from mesaflow.job import log_to

import openmm

from mesaflow.files import write_json
from mesaflow.implicit import relaxation_system
from mesaflow.isomers import find_peptide_bonds, keep_peptide_bonds
from mesaflow.simulation import Dynamics, choose_platform, load_system
from mesaflow.solvation import count_solute_atoms
from mesaflow.structures import Structure, load_structure, positions_of
from mesaflow.systems import describe, minimise, prepare, save_system, save_topology, take_first


def read_equilibrated(structure_file: str, system_file: str) -> tuple[Structure, openmm.System, Structure]:
    """Read a system in explicit solvent; the structure of the solute comes first, that of the whole last."""
    whole = load_structure(structure_file)
    system = load_system(system_file)
    solute = take_first(whole, count_solute_atoms(whole.topology))
    relaxation_system(system, solute.topology)  # refuses forces that frames could not be relaxed with in the end
    return solute, system, Structure(whole.topology, positions_of(whole))


def main(snakemake):
    settings = snakemake.params.system
    with log_to(snakemake.log[0]) as log:
        if snakemake.input.get("solvated"):
            files = (snakemake.input.solvated, snakemake.input.solvated_system)
            structure, system, whole = read_equilibrated(*files)
        else:
            structure, system = prepare(settings)
            whole = None
        if settings["peptide_bonds"] == "keep":
            bonds = find_peptide_bonds(describe(structure), structure.coordinates)
            keep_peptide_bonds(system, bonds)
            log.info("%d peptide bonds, %d of them cis, stay as they are", len(bonds), sum(bond.cis for bond in bonds))
        positions = whole.coordinates if whole else minimise(system, structure.coordinates)
        dynamics = Dynamics.from_config(snakemake.params.dynamics, platform="Reference", threads=snakemake.threads)
        platform, timings = choose_platform(system, positions, dynamics, snakemake.params.dynamics["platform"])
        log.info("%d atoms; platform %s, of %s µs a step", len(positions), platform, timings)
        save_topology(snakemake.output.topology, structure.topology, structure.coordinates if whole else positions)
        save_system(snakemake.output.system, system)
        write_json(snakemake.output.platform, {"platform": platform, "microseconds_per_step": timings})


if __name__ == "__main__":
    main(snakemake)

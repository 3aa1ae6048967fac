"""Relax frames from everywhere the rounds have been, and keep those whose energy leaves them a population."""

import numpy as np

from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import write_arrays
from mesaflow.implicit import relaxation_system
from mesaflow.imported import FrameReader
from mesaflow.progress import FrameProgress, log_to
from mesaflow.randomness import derive_seed
from mesaflow.relaxation import relax, spread_frames
from mesaflow.systems import load_structure, load_system
from mesaflow.trajectories import load_topology, save_trajectory


def load_frames(training_set: TrainingSet, chosen: np.ndarray, reader: FrameReader) -> np.ndarray:
    """Load frames of the training set with all their atoms, reading each trajectory once."""
    frames = np.empty((len(chosen), reader.topology.n_atoms, 3), dtype=np.float32)
    owners = training_set.trajectory[chosen]
    for owner in np.unique(owners):
        trajectory = reader.load(training_set.paths[owner])
        frames[owners == owner] = trajectory[training_set.frame[chosen[owners == owner]]]
    return frames


def main(snakemake):
    settings = snakemake.params.relaxation
    with log_to(snakemake.log[0]) as log:
        reader = FrameReader.from_config(load_topology(snakemake.input.topology), snakemake.params.imported)
        training_set = TrainingSet.load(snakemake.input.training_set)
        encoder = Encoder.load(snakemake.input.encoder)
        rng = np.random.default_rng(derive_seed(snakemake.params.random_seed, "production", "relaxation"))
        chosen = spread_frames(encoder.evaluate(training_set.frames), encoder.periods, settings["n_candidates"], rng)
        frames = load_frames(training_set, chosen, reader)
        topology = load_structure(snakemake.input.topology).topology
        system = relaxation_system(load_system(snakemake.input.system), topology)
        with FrameProgress(len(frames), "relaxing frames") as progress:
            positions, energies, cvs = relax(system, encoder, frames, progress.update)
        kept = energies < energies.min() + settings["max_energy_kJ_per_mol"]
        log.info("%d of %d relaxed frames lie below the largest energy", kept.sum(), len(kept))
        save_trajectory(snakemake.output.trajectory, positions[kept])
        write_arrays(snakemake.output.relaxed, cvs=cvs[kept], energies=energies[kept] - energies.min())


if __name__ == "__main__":
    main(snakemake)

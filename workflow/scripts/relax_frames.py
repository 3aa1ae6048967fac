"""Relax frames from everywhere the rounds have been and from beyond, and keep those whose energy leaves them a population."""

from mesaflow.job import log_to

import numpy as np

from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import write_arrays
from mesaflow.implicit import relaxation_system
from mesaflow.imported import FrameReader
from mesaflow.progress import FrameProgress
from mesaflow.randomness import derive_seed
from mesaflow.relaxation import Relaxation, extend_beyond, relax, spread_frames
from mesaflow.simulation import load_system
from mesaflow.structures import load_structure
from mesaflow.trajectories import load_topology, save_trajectory

_COARSER = 2.0  # spacings of the frames between places beyond them, which leaves no place to try among the frames


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
        chosen, spacing = spread_frames(
            encoder.evaluate(training_set.frames), encoder.periods, settings["n_candidates"], rng
        )
        frames = load_frames(training_set, chosen, reader)
        topology = load_structure(snakemake.input.topology).topology
        relaxation = Relaxation(relaxation_system(load_system(snakemake.input.system), topology), encoder)
        with FrameProgress(len(frames), "relaxing frames") as progress:
            relaxed = relax(relaxation, frames, progress.update)
        max_energy = settings["max_energy_kJ_per_mol"]
        n_kept = np.count_nonzero(relaxed.energies < relaxed.energies.min() + max_energy)
        log.info("%d of %d relaxed frames lie below the largest energy", n_kept, len(frames))
        relaxed, n_tried = extend_beyond(relaxation, relaxed, _COARSER * spacing, max_energy, settings["n_candidates"])
        log.info("so do %d of %d places beyond them", len(relaxed.energies) - n_kept, n_tried)
        lowest = relaxed.energies.min()
        relaxed = relaxed.select(relaxed.energies < lowest + max_energy)
        save_trajectory(snakemake.output.trajectory, relaxed.positions)
        write_arrays(snakemake.output.relaxed, cvs=relaxed.cvs, energies=relaxed.energies - lowest)


if __name__ == "__main__":
    main(snakemake)

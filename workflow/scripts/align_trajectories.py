"""Superpose new trajectories on the reference structure and add them to the training set."""

from mesaflow.job import log_to

import numpy as np

from mesaflow.dataset import TrainingSet, extend_training_set, unbiasing_weights
from mesaflow.files import read_columns
from mesaflow.imported import FrameReader
from mesaflow.randomness import derive_seed
from mesaflow.structures import load_positions
from mesaflow.trajectories import load_reference, load_topology, select_atoms


def read_weights(samples: list[str], trajectories: list[str], temperature: float) -> dict[str, np.ndarray]:
    """Return the weights of the frames of biased trajectories by file; samples are listed in the same order."""
    weights = {}
    for path, trajectory in zip(samples, trajectories if samples else [], strict=True):
        samples_of = read_columns(path, ["window", "bias_kJ_per_mol"])
        weights[trajectory] = unbiasing_weights(samples_of["bias_kJ_per_mol"], samples_of["window"], temperature)
    return weights


def main(snakemake):
    settings = snakemake.params.training
    with log_to(snakemake.log[0]) as log:
        topology = load_topology(snakemake.input.topology)
        atoms = select_atoms(topology, settings["atoms"], "training.atoms")
        if settings["reference"] is None:
            reference = load_positions(snakemake.input.topology)[atoms]
        else:
            reference = load_reference(settings["reference"], topology, settings["atoms"], "training.reference")
        previous = TrainingSet.load(snakemake.input.previous) if snakemake.input.get("previous") else None
        reader = FrameReader.from_config(topology, snakemake.params.imported)
        new = {path: reader.load(path, settings["atoms"]) for path in snakemake.input.trajectories}
        training_set = extend_training_set(
            previous or TrainingSet.empty(atoms, reference),
            new,
            validation_fraction=settings["validation_fraction"],
            block_frames=settings["validation_block_frames"],
            random_seed=derive_seed(snakemake.params.random_seed, snakemake.wildcards.stage, "validation"),
            weights=read_weights(snakemake.input.get("samples", []), [*new], snakemake.params.temperature),
        )
        log.info("%d frames, %d of them new", training_set.n_frames, training_set.n_new)
        seed = derive_seed(snakemake.params.random_seed, snakemake.wildcards.stage, "thinning")
        training_set = training_set.select(settings["max_frames"], settings["thinning"], seed)
        log.info("%d of them to train and validate on", len(training_set.selected))
        training_set.save(snakemake.output.training_set)


if __name__ == "__main__":
    main(snakemake)

"""Decode a path along each collective variable of every stage."""

from mesaflow.job import log_to

from pathlib import Path

import numpy as np

from mesaflow.dataset import TrainingSet
from mesaflow.decoder import Decoder
from mesaflow.encoder import Encoder
from mesaflow.morphs import walk, write_morph, write_walk
from mesaflow.trajectories import load_topology

MOST_FRAMES = 5000  # of a stage: over a hundred for every step of a walk


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        topology = load_topology(snakemake.input.topology)
        files = (snakemake.input.encoders, snakemake.input.decoders, snakemake.input.training_sets)
        for stage, encoder_path, decoder_path, data_path in zip(snakemake.params.stages, *files, strict=True):
            encoder, decoder = Encoder.load(encoder_path), Decoder.load(decoder_path)
            if not decoder.returns_positions:
                log.info("%s: no morphs, as its decoder returns no coordinates", stage)
                continue
            training_set = TrainingSet.load(data_path)
            chosen = np.unique(np.linspace(0, training_set.n_frames - 1, MOST_FRAMES).round().astype(int))
            cvs = encoder.evaluate(training_set.frames[chosen])
            folder = Path(snakemake.output.morphs) / stage
            for k in range(encoder.n_cvs):
                path = walk(cvs, encoder.periods, k)
                write_walk(folder / f"cv_{k + 1}.csv", path)
                write_morph(folder / f"cv_{k + 1}.pdb", topology, decoder.atoms, decoder.decode(path))
            log.info("%s: %d morphs", stage, encoder.n_cvs)


if __name__ == "__main__":
    main(snakemake)

"""Tabulate the latent of the frames that an encoder learned from, with their observables, and the windows placed in it."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd

from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import write_csv
from mesaflow.kinds import KINDS, column_of
from mesaflow.manifest import read_manifest

MOST_FRAMES = 6000  # points that a scatter plot can show


def main(snakemake):
    with log_to(snakemake.log[0]):
        training_set = TrainingSet.load(snakemake.input.training_set)
        encoder = Encoder.load(snakemake.input.encoder)
        observables = pd.concat([pd.read_parquet(path) for path in snakemake.input.observables], ignore_index=True)
        chosen = np.unique(np.linspace(0, training_set.n_frames - 1, MOST_FRAMES).round().astype(int))
        cvs = encoder.evaluate(training_set.frames[chosen])
        columns = [f"cv_{k + 1}" for k in range(encoder.n_cvs)]
        frames = pd.DataFrame(cvs, columns=columns)
        frames.insert(0, "kind", "frame")
        frames["trajectory"] = [training_set.paths[i] for i in training_set.trajectory[chosen]]
        frames["frame"] = training_set.frame[chosen]
        frames = frames.merge(observables, on=["trajectory", "frame"], how="left", validate="one_to_one")
        for name, kind in snakemake.params.kinds.items():
            frames[column_of(name, KINDS[kind])] = KINDS[kind].shown(frames.pop(name))
        rows = read_manifest(snakemake.input.manifest)
        windows = pd.DataFrame(
            {"kind": "window"} | {f"cv_{k + 1}": [row[f"center_{k + 1}"] for row in rows] for k in range(encoder.n_cvs)}
        )
        table = pd.concat([frames.drop(columns=["trajectory", "frame"]), windows], ignore_index=True)
        write_csv(snakemake.output.table, table, float_format="%.6g")


if __name__ == "__main__":
    main(snakemake)

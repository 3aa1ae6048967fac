"""Measure the configured observables in every frame of a stage."""

from mesaflow.job import log_to

import mdtraj
import numpy as np

from mesaflow.files import Repeated, join_columns, write_columns
from mesaflow.imported import FrameReader
from mesaflow.observables import measure


def main(snakemake):
    with log_to(snakemake.log[0]):
        structure = mdtraj.load(snakemake.input.topology)
        reader = FrameReader.from_config(structure.topology, snakemake.params.imported)
        observables = snakemake.params.observables
        tables = [{"frame": np.empty(0, dtype=np.int64)} | {name: np.empty(0) for name in observables}]
        paths = list(snakemake.input.trajectories)
        for path in paths:
            frames = reader.load(path)
            tables.append({"frame": np.arange(len(frames))} | measure(structure, frames, observables))
        trajectory = Repeated(paths, [len(table["frame"]) for table in tables[1:]])
        write_columns(snakemake.output.observables, {"trajectory": trajectory} | join_columns(tables))


if __name__ == "__main__":
    main(snakemake)

"""Measure the configured observables in every frame of a stage."""

from mesaflow.job import log_to

import mdtraj
import numpy as np

from mesaflow.files import join_columns, write_columns
from mesaflow.imported import FrameReader
from mesaflow.observables import measure


def tabulate(path: str, values: dict[str, np.ndarray], n_frames: int) -> dict[str, np.ndarray]:
    """Return the values of observables with the trajectory and the number of the frame that each belongs to."""
    return {"trajectory": np.full(n_frames, path), "frame": np.arange(n_frames, dtype=np.int64)} | values


def main(snakemake):
    with log_to(snakemake.log[0]):
        structure = mdtraj.load(snakemake.input.topology)
        reader = FrameReader.from_config(structure.topology, snakemake.params.imported)
        observables = snakemake.params.observables
        tables = [tabulate("", {name: np.empty(0) for name in observables}, 0)]
        for path in snakemake.input.trajectories:
            frames = reader.load(path)
            tables.append(tabulate(path, measure(structure, frames, observables), len(frames)))
        write_columns(snakemake.output.observables, join_columns(tables))


if __name__ == "__main__":
    main(snakemake)

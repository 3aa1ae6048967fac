"""Measure the configured observables in every frame of a stage."""

from mesaflow.job import log_to

import mdtraj
import pandas as pd

from mesaflow.files import write_parquet
from mesaflow.imported import FrameReader
from mesaflow.observables import measure


def main(snakemake):
    with log_to(snakemake.log[0]):
        structure = mdtraj.load(snakemake.input.topology)
        reader = FrameReader.from_config(structure.topology, snakemake.params.imported)
        observables = snakemake.params.observables
        tables = [pd.DataFrame(columns=["trajectory", "frame", *observables])]
        for path in snakemake.input.trajectories:
            table = measure(structure, reader.load(path), observables)
            table.insert(0, "trajectory", path)
            table.insert(1, "frame", range(len(table)))
            tables.append(table)
        everything = (
            pd.concat(tables, ignore_index=True) if len(tables) == 1 else pd.concat(tables[1:], ignore_index=True)
        )
        types = dict.fromkeys(observables, float) | {"trajectory": str, "frame": int}
        write_parquet(snakemake.output.observables, everything.astype(types))


if __name__ == "__main__":
    main(snakemake)

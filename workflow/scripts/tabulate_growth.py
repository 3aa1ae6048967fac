"""Tabulate how many bins a run has visited, and which states it has reached, after how much simulated time."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.coverage import axes_of
from mesaflow.files import write_csv
from mesaflow.growth import growth_of_replicas, growth_of_stages


def main(snakemake):
    params = snakemake.params
    with log_to(snakemake.log[0]):
        maps = {name: axes_of(axes, params.observables) for name, axes in params.coverage.items()}
        tables = [pd.read_parquet(path) for path in snakemake.input.observables]
        if snakemake.input.get("rounds"):
            times = [params.seed_ns, *pd.read_csv(snakemake.input.rounds)["md_ns_total"]]
            growth = growth_of_stages(tables, times, maps, params.cores, params.kinds)
        else:
            growth = growth_of_replicas(tables[0], params.ns_per_frame, maps, params.cores, params.kinds)
        write_csv(snakemake.output.growth, growth, float_format="%.6g")


if __name__ == "__main__":
    main(snakemake)

"""Put the methods side by side: what the runs of each reached after how much simulated time."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.baselines import describe_method, spread_of_growth, summarise_baselines
from mesaflow.files import write_atomically, write_csv


def main(snakemake):
    params = snakemake.params
    with log_to(snakemake.log[0]):
        growths = iter(snakemake.input.growth)
        lines, spreads = [], []
        for method, runs in params.methods.items():
            of_method = {run: pd.read_csv(next(growths)) for run in runs.values()}
            lines += [
                describe_method(method, seed, run, of_method[run], params.coverage_ns) for seed, run in runs.items()
            ]
            spreads.append(spread_of_growth(list(of_method.values())).assign(method=method))
        table = pd.DataFrame(lines)
        write_csv(snakemake.output.table, table, float_format="%.6g")
        write_csv(snakemake.output.coverage, pd.concat(spreads, ignore_index=True), float_format="%.6g")
        summary = summarise_baselines(snakemake.wildcards.baselines, table)
        write_atomically(snakemake.output.summary, lambda path: path.write_text(summary))


if __name__ == "__main__":
    main(snakemake)

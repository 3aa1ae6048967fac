"""Put the runs of a sweep side by side in one table."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.comparison import describe_run, tabulate_comparison
from mesaflow.files import read_json, write_csv


def main(snakemake):
    files, params = snakemake.input, snakemake.params
    with log_to(snakemake.log[0]):
        lines = [
            describe_run(
                run=run,
                settings=settings,
                rounds=pd.read_csv(files.rounds[i]),
                states=pd.read_csv(files.states[i]),
                diagnostics=read_json(files.diagnostics[i]),
                costs=pd.read_csv(files.costs[i]),
                reference_state=params.reference_states[run],
            )
            for i, (run, settings) in enumerate(params.rows.items())
        ]
        write_csv(snakemake.output.comparison, tabulate_comparison(lines))


if __name__ == "__main__":
    main(snakemake)

"""Write the run's short summary: what was done, what came out, how far to trust it, and which files to open."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import read_json, write_atomically
from mesaflow.summary import summarise


def main(snakemake):
    with log_to(snakemake.log[0]):
        text = summarise(
            run=snakemake.wildcards.run,
            rounds=pd.read_csv(snakemake.input.rounds),
            states=pd.read_csv(snakemake.input.states),
            diagnostics=read_json(snakemake.input.diagnostics),
            reference_state=snakemake.params.free_energy["reference_state"],
            costs=pd.read_csv(snakemake.input.costs),
        )
        write_atomically(snakemake.output.summary, lambda path: path.write_text(text))


if __name__ == "__main__":
    main(snakemake)

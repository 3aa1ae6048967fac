"""Draw how much variance 1, 2, … collective variables explain."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import write_csv
from mesaflow.plotting import draw_n_cvs, save_figure


def main(snakemake):
    with log_to(snakemake.log[0]):
        table = pd.read_csv(snakemake.input.table)
        write_csv(snakemake.output.table, table)
        save_figure(draw_n_cvs(table), snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

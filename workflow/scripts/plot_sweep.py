"""Draw the comparison of the runs of a sweep."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_comparison import draw_comparison


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_comparison(pd.read_csv(snakemake.input.table))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

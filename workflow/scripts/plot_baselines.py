"""Draw the coverage of all methods over simulated time."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_validation import draw_methods


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_methods(pd.read_csv(snakemake.input.coverage))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

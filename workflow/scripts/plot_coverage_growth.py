"""Draw how coverage grows with simulated time."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import draw_coverage_growth, save_figure


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_coverage_growth(pd.read_csv(snakemake.input.table))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

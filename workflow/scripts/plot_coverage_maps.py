"""Draw the bins visited after each round."""

import pandas as pd

from mesaflow.plotting import draw_coverage_maps, draw_coverage_profile, save_figure
from mesaflow.progress import log_to


def main(snakemake):
    with log_to(snakemake.log[0]):
        table = pd.read_csv(snakemake.input.table)
        figure = draw_coverage_maps(table) if len(snakemake.params.axes) == 2 else draw_coverage_profile(table)
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

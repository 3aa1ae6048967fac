"""Draw the bins visited after each round."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.coverage import axes_of
from mesaflow.plotting import draw_coverage_maps, draw_coverage_profile, save_figure


def main(snakemake):
    with log_to(snakemake.log[0]):
        table = pd.read_csv(snakemake.input.table)
        axes = axes_of(snakemake.params.axes, snakemake.params.observables)
        figure = draw_coverage_maps(table, *axes) if len(axes) == 2 else draw_coverage_profile(table, *axes)
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

"""Draw which atoms the collective variables of every stage feel."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_meaning import draw_gradients


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_gradients(pd.read_csv(snakemake.input.table))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

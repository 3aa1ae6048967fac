"""Draw the evidence for convergence round by round."""

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_convergence import draw_convergence
from mesaflow.progress import log_to


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_convergence(pd.read_csv(snakemake.input.table))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

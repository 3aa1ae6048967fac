"""Draw a latent, coloured by each observable, with the windows placed in it."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import draw_latent, save_figure


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_latent(pd.read_csv(snakemake.input.table), snakemake.params.kinds)
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

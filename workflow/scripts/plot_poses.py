"""Draw where one conformation in many poses goes in the latents of three networks."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_illustration import draw_poses


def main(snakemake):
    with log_to(snakemake.log[0]):
        figure = draw_poses(pd.read_csv(snakemake.input.latents), pd.read_csv(snakemake.input.fractions))
        save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

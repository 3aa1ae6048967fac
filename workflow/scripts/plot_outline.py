"""Draw fish, what a plain and an augmented autoencoder make of them, and the latents."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_illustration import draw_outline


def main(snakemake):
    with log_to(snakemake.log[0]):
        tables = (pd.read_csv(snakemake.input[name]) for name in ("outlines", "latents", "scores"))
        save_figure(draw_outline(*tables), snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"])


if __name__ == "__main__":
    main(snakemake)

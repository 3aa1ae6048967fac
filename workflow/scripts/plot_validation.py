"""Draw free energies and coverage of all runs of a validation."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.plotting import save_figure
from mesaflow.plotting_validation import draw_validation


def main(snakemake):
    files = snakemake.input
    with log_to(snakemake.log[0]):
        tables = [pd.read_csv(path) for path in (files.table, files.growth, files.profiles, files.published)]
        save_figure(
            draw_validation(*tables), snakemake.output.svg, snakemake.output.png, snakemake.params.figures["dpi"]
        )


if __name__ == "__main__":
    main(snakemake)

"""Add up what the run has cost, by rule."""

from mesaflow.job import log_to

from pathlib import Path

from mesaflow.costs import tabulate_costs
from mesaflow.files import write_csv


def main(snakemake):
    with log_to(snakemake.log[0]):
        root = Path(snakemake.output.costs).parents[2]  # of results/<run>/costs.csv, and of benchmarks beside it
        run, params = snakemake.wildcards.run, snakemake.params
        write_csv(
            snakemake.output.costs,
            tabulate_costs(root / "benchmarks", run, params.stages, params.shared, params.threads),
        )


if __name__ == "__main__":
    main(snakemake)

"""Collect the assessments of all rounds in one table."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import read_json, write_csv


def main(snakemake):
    with log_to(snakemake.log[0]):
        rounds = pd.DataFrame([read_json(path) for path in snakemake.input.assessments])
        write_csv(snakemake.output.rounds, rounds)


if __name__ == "__main__":
    main(snakemake)

"""Tabulate the evidence for convergence round by round, beside the thresholds that it is held against."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.convergence import tabulate_evidence
from mesaflow.files import write_csv


def main(snakemake):
    with log_to(snakemake.log[0]):
        rounds = pd.read_csv(snakemake.input.rounds)
        write_csv(snakemake.output.table, tabulate_evidence(rounds, snakemake.params.convergence))


if __name__ == "__main__":
    main(snakemake)

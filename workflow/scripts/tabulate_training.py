"""Collect the loss curves and the explained variance of every round."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import read_json, write_csv


def main(snakemake):
    with log_to(snakemake.log[0]):
        tables = []
        for number, path in enumerate(snakemake.input.trainings, start=1):
            training = read_json(path)
            tables.append(
                pd.DataFrame(
                    {
                        "round": number,
                        "epoch": range(1, len(training["loss_training"]) + 1),
                        "loss_training": training["loss_training"],
                        "loss_validation": training["loss_validation"],
                        "fve_training": training["fve_training"],
                        "fve_validation": training["fve_validation"],
                        "restart_correlation_mean": training["restart_correlation_mean"],
                        "restart_correlation_smallest": training["restart_correlation_smallest"],
                    }
                )
            )
        write_csv(snakemake.output.table, pd.concat(tables))


if __name__ == "__main__":
    main(snakemake)

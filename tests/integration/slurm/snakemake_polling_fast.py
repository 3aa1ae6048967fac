"""Snakemake that looks at its remote jobs once a second, where the Slurm executor would wait longer each time."""

import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

SECONDS_BETWEEN_LOOKS = 1.0

if __name__ == "__main__":
    RemoteExecutor.next_seconds_between_status_checks = property(
        lambda executor: SECONDS_BETWEEN_LOOKS, lambda executor, longer: None
    )
    sys.exit(main())

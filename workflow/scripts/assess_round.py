"""Judge a round: what it cost, what it added, and whether more rounds are worth while."""

import pandas as pd

from mesaflow.exploration import has_converged
from mesaflow.files import read_json, write_json
from mesaflow.observables import visited_bins
from mesaflow.progress import log_to
from mesaflow.units import PICOSECONDS_PER_NANOSECOND


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        settings = snakemake.params.convergence
        observables, coverage = snakemake.params.observables, snakemake.params.coverage
        tables = [pd.read_parquet(path) for path in snakemake.input.observables]
        statuses = [status for path in snakemake.input.statuses for status in read_json(path)["windows"]]
        finished = [status for status in statuses if status["outcome"] == "finished"]

        def count_bins(n_stages: int) -> dict[str, int]:
            table = pd.concat(tables[:n_stages], ignore_index=True)
            return {name: int(visited_bins(table, axes, observables).sum()) for name, axes in coverage.items()}

        n_bins = [count_bins(n) for n in range(1, len(tables) + 1)]
        previous = read_json(snakemake.input.previous) if snakemake.input.get("previous") else None
        converged = (previous is not None and previous["converged"]) or has_converged(
            n_bins, settings["convergence_growth"], settings["convergence_rounds"]
        )
        md_before = previous["md_ns_total"] if previous else settings["seed_ns"]
        md_round = sum(status["length_ps"] for status in finished) / PICOSECONDS_PER_NANOSECOND
        training = read_json(snakemake.input.training)
        assessment = {
            "round": int(snakemake.wildcards.round),
            "n_windows": len(statuses),
            "n_failed_windows": len(statuses) - len(finished),
            "n_retried_windows": sum(status["n_attempts"] > 1 for status in finished),
            "md_ns_total": md_before + md_round,
            "fve": training["fve_validation"],
            **{f"n_bins_visited_{name}": count for name, count in n_bins[-1].items()},
            "converged": converged,
        }
        log.info("%s", assessment)
        write_json(snakemake.output.assessment, assessment)


if __name__ == "__main__":
    main(snakemake)

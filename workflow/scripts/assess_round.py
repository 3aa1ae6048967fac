"""Judge a round: what it cost, what it added, and whether more rounds are worth while."""

import pandas as pd

from mesaflow.coverage import axes_of, count_outside, visited_bins
from mesaflow.exploration import has_converged
from mesaflow.files import read_json, write_json
from mesaflow.progress import log_to
from mesaflow.units import PICOSECONDS_PER_NANOSECOND


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        settings = snakemake.params.convergence
        observables = snakemake.params.observables
        maps = {name: axes_of(axes, observables) for name, axes in snakemake.params.coverage.items()}
        tables = [pd.read_parquet(path) for path in snakemake.input.observables]
        statuses = [status for path in snakemake.input.statuses for status in read_json(path)["windows"]]
        finished = [status for status in statuses if status["outcome"] == "finished"]

        def count_bins(n_stages: int) -> dict[str, int]:
            table = pd.concat(tables[:n_stages], ignore_index=True)
            return {name: int(visited_bins(table, axes).sum()) for name, axes in maps.items()}

        n_bins = [count_bins(n) for n in range(1, len(tables) + 1)]
        everything = pd.concat(tables, ignore_index=True)
        limited = {name: axes for name, axes in maps.items() if not all(axis.covers_everything for axis in axes)}
        n_outside = {name: count_outside(everything, axes) for name, axes in limited.items()}
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
            **{f"n_frames_outside_{name}": count for name, count in n_outside.items()},
            "converged": converged,
        }
        log.info("%s", assessment)
        write_json(snakemake.output.assessment, assessment)


if __name__ == "__main__":
    main(snakemake)

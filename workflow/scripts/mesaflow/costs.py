"""What a run has cost, from the benchmark files of its jobs."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

_SECONDS_PER_HOUR = 3600.0
_WITHOUT_STAGE = ("summarise_rounds.tsv", "free_energy/estimate_free_energy.tsv")
_SHARED_RULES = {"system": "prepare_system", "seed": "seed_unbiased", "unbiased": "run_baseline"}


def tabulate_costs(
    benchmarks: Path, run: str, stages: Iterable[str], shared: dict[str, str], threads: dict[str, int]
) -> pd.DataFrame:
    """Add up the jobs from which a run's rounds and free energies come; what only draws is left out.

    Args:
        benchmarks: The folder of all benchmark files.
        run: The name of the run.
        stages: The folders of the stages that belong to it.
        shared: For each step that another run, or a shared folder, has done for this one, that folder.
        threads: The threads of the rules that take more than one.

    Returns:
        For each folder and rule the number of jobs, their wall-clock time [h], and the core time [h], which is the
        wall-clock time by the threads. Attempts that failed leave no benchmark file and are not in it.
    """
    own = benchmarks / run
    files = [(run, path) for stage in stages for path in (own / stage).rglob("*.tsv")]
    files += [(run, own / name) for name in _WITHOUT_STAGE if (own / name).is_file()]
    for step, folder in shared.items():
        files += [(folder, path) for path in (benchmarks / folder / step).rglob(f"{_SHARED_RULES[step]}.tsv")]
    jobs = [(folder, path.stem, seconds) for folder, path in files for seconds in _read_seconds(path)]
    table = pd.DataFrame(jobs, columns=["folder", "rule", "seconds"])
    costs = table.groupby(["folder", "rule"], as_index=False)["seconds"].agg(n_jobs="size", seconds="sum")
    costs["wall_hours"] = costs.pop("seconds") / _SECONDS_PER_HOUR
    costs["core_hours"] = costs["wall_hours"] * costs["rule"].map(lambda rule: threads.get(rule, 1))
    return costs


def simulated_ns(rounds: pd.DataFrame, seed_ns: float, production_ns: float, baseline_ns: float) -> dict[str, float]:
    """Return the simulated time [ns] of each stage, failed windows left out.

    Args:
        rounds: The table of rounds.
        seed_ns: The simulated time of the seed [ns].
        production_ns: That of production with its extension [ns].
        baseline_ns: That of the unbiased simulations for comparison [ns].
    """
    of_rounds = rounds["md_ns_total"].diff().fillna(rounds["md_ns_total"].iloc[0] - seed_ns)
    stages = {f"round-{number}": float(ns) for number, ns in zip(rounds["round"], of_rounds, strict=True)}
    return {"seed": seed_ns, **stages, "production": production_ns, "unbiased": baseline_ns}


def _read_seconds(path: Path) -> Iterator[float]:
    """Yield the wall-clock times [s] of a benchmark file, one a repetition."""
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            yield float(row["s"])

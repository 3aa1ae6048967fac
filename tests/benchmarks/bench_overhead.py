"""What Snakemake and the start of jobs cost: their part of the time of one whole run, from nothing, on all cores.

Run ``python tests/benchmarks/bench_overhead.py`` on an idle machine; what follows goes to Snakemake, so that
``--configfile my.yaml`` measures another run. The default run takes about 11 minutes on 2 cores.

Jobs start when Python comes up and imports packages, also those that they import later. Snakemake itself runs beside the jobs,
and costs what no job uses in the meantime.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
NOTES_TAKER = Path(__file__).parent / "startup"


def run_and_note(folder: Path, arguments: list[str], n_cores: int) -> tuple[float, list[dict]]:
    """Run the workflow in a folder; return its wall-clock time [s] and what ``startup/sitecustomize.py`` noted."""
    notes = folder / "notes.jsonl"
    environment = os.environ | {"STARTUP_NOTES": str(notes), "PYTHONPATH": str(NOTES_TAKER)}
    command = [sys.executable, "-m", "snakemake", "--cores", str(n_cores), "--snakefile", SNAKEFILE, *arguments]
    with open(folder / "run.log", "w") as log:
        start = time.perf_counter()
        finished = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        wall = time.perf_counter() - start
    if finished.returncode:
        sys.exit(f"the run failed:\n{(folder / 'run.log').read_text()[-3000:]}")
    return wall, [json.loads(line) for line in notes.read_text().splitlines()]


def without_jobs(jobs: list[dict], wall: float) -> float:
    """Return for how long [s] of the run no job was there."""
    busy, until = 0.0, 0.0
    for job in sorted(jobs, key=lambda job: job["begin"]):
        busy += max(0.0, job["end"] - max(until, job["begin"]))
        until = max(until, job["end"])
    return wall - busy


def start_by_script(jobs: list[dict]) -> pd.DataFrame:
    """Return how many jobs ran each script, and what their starts took in all and each [s], the costliest first."""
    starts = pd.DataFrame(
        # Snakemake runs a copy of the script, tmp<random>.<script>.py
        {
            "script": [Path(job["program"]).name.split(".")[1] for job in jobs],
            "seconds": [job["start_up"] for job in jobs],
        }
    )
    table = starts.groupby("script")["seconds"].agg(jobs="count", seconds="sum", each="mean")
    return table.sort_values("seconds", ascending=False)


def main() -> None:
    n_cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        wall, notes = run_and_note(Path(folder), sys.argv[1:], n_cores)
    jobs = [note for note in notes if ".snakemake/scripts" in note["program"]]
    workflow = max((note for note in notes if note not in jobs), key=lambda note: note["end"] - note["begin"])
    starting, alone = sum(job["start_up"] for job in jobs), without_jobs(jobs, wall)
    available = n_cores * wall
    print(f"{wall:.0f} s of wall-clock time on {n_cores} cores, {len(jobs)} jobs")
    print(f"start of jobs         {starting:7.1f} core-seconds  {starting / available:6.1%} of all")
    print(f"no job at all         {n_cores * alone:7.1f} core-seconds  {alone / wall:6.1%}")
    print(
        f"both                  {starting + n_cores * alone:7.1f} core-seconds  {starting / available + alone / wall:6.1%}"
    )
    print(f"Snakemake, beside it  {workflow['processor']:7.1f} core-seconds  {workflow['processor'] / available:6.1%}")
    print(start_by_script(jobs).to_string(float_format="{:.2f}".format))


if __name__ == "__main__":
    main()

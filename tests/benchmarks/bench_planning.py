"""How long planning takes: of 20 rounds with 20 windows each, and of a sweep of 50 runs, from nothing.

Run ``make bench``; the table gives the jobs planned, and the shortest wall-clock and processor time of a few dry runs.
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
N_TURNS = 3
N_RUNS = 50

LONG = "exploration: {n_rounds: 20, n_windows: 20}\n"
SWEEP = "sweep: table.tsv\n"


def write_table(path: Path) -> None:
    """Write a table of runs, half of them with another number of collective variables."""
    rows = [f"run-{i}\t{i // 2}\t{2 + i % 2}" for i in range(N_RUNS)]
    path.write_text("\n".join(["run\trandom_seed\ttraining.n_cvs", *rows]) + "\n")


def plan(folder: Path, config: str, target: str) -> tuple[int, float, float]:
    """Return the number of jobs that a dry run plans, its wall-clock and its processor time [s]."""
    (folder / "my.yaml").write_text(config)
    command = [sys.executable, "-m", "snakemake", target, "--dry-run", "--cores", "2", "--snakefile", SNAKEFILE]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = subprocess.run(
        [*command, "--configfile", "my.yaml"], cwd=folder, capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return int(re.findall(r"^total +(\d+)$", result.stdout, re.MULTILINE)[0]), wall, processor


def main() -> None:
    print(f"{'plan':32s} {'jobs':>6s} {'wall [s]':>9s} {'processor [s]':>14s}")
    for name, config, target in (
        ("20 rounds of 20 windows", LONG, "all"),
        (f"a sweep of {N_RUNS} runs", SWEEP, "sweep"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            write_table(Path(folder) / "table.tsv")
            turns = [plan(Path(folder), config, target) for _ in range(N_TURNS)]
        print(f"{name:32s} {turns[0][0]:6d} {min(t[1] for t in turns):9.1f} {min(t[2] for t in turns):14.1f}")


if __name__ == "__main__":
    main()

"""A run that is killed with all its jobs at random moments, and started again each time, ends as if it had not been.

By default one kill in the second half of a run does; before a release, ten in a whole one:

    pytest tests/integration/test_kills.py --whole --kills 10 --kill-seed 1 -s
"""

import os
import random
import signal
import subprocess
import time

import pytest

SURFACES = [f"results/small/free_energy/fes_{axes}.csv" for axes in ("phi_psi", "phi", "cv_1")]
LAST = 0.8  # of the jobs; later the run might end before it is killed
LONGEST_DELAY = 4.0  # s: Snakemake takes 2 to 3 to start, a job 1 to 3
SECONDS_TO_WAIT = 300


def count_finished_jobs(project) -> int:
    """Return how many jobs have ended of those that free energies need; each leaves a benchmark."""
    stages = ("system", "seed", "round-*", "production", "extension", "free_energy")
    return sum(len(list(project.folder.glob(f"benchmarks/small/{stage}/**/*.tsv"))) for stage in stages)


def kill(process: subprocess.Popen) -> bool:
    """Kill Snakemake and all its jobs at once; tell whether there still was anything to kill."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


@pytest.fixture
def moments(request) -> list[tuple[float, float]]:
    """Draw when to kill: after which fraction of the jobs, and how many seconds later."""
    n_kills, seed = request.config.getoption("--kills"), request.config.getoption("--kill-seed")
    draws = random.Random(seed)
    fractions = sorted(draws.uniform(0, LAST) for _ in range(n_kills))
    return [(fraction, draws.uniform(0, LONGEST_DELAY)) for fraction in fractions]


def test_a_run_killed_at_random_moments_comes_to_the_same_bytes(unfinished, finished, moments):
    project = unfinished("killed")
    n_before = count_finished_jobs(project)
    n_jobs = count_finished_jobs(finished) - n_before
    n_kills = 0
    for fraction, delay in moments:
        process = project.start(*SURFACES)
        end = time.monotonic() + SECONDS_TO_WAIT
        while count_finished_jobs(project) - n_before < fraction * n_jobs and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(delay)
        n_kills += kill(process)
        print(f"kill {n_kills}: {count_finished_jobs(project) - n_before} jobs had finished, {delay:.1f} s before")
        project.snakemake("--unlock")
    assert n_kills == len(moments), (project.folder / "output.txt").read_text()
    project.snakemake(*SURFACES)

    names = [str(path.relative_to(finished.results)) for path in finished.results.glob("[srp]*/**/trajectory.dcd")]
    assert len(names) == 2 + 2 * 2 + 2  # seed, rounds and production
    for name in names + [surface.removeprefix("results/small/") for surface in SURFACES]:
        assert (project.results / name).read_bytes() == (finished.results / name).read_bytes(), name
    assert list((project.results / ".restart").glob("*")) == []

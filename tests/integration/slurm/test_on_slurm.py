"""A run on a real Slurm comes to the same bytes as a run without, though one of its jobs is cancelled on the way."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

SNAKEMAKE = Path(__file__).with_name("snakemake_polling_fast.py")
SURFACES = [f"results/small/free_energy/fes_{axes}.csv" for axes in ("phi_psi", "phi", "cv_1")]
WINDOWS = "production/batch-0"
SECONDS_TO_WAIT, SECONDS_TO_FINISH = 300, 600


@pytest.fixture
def cluster_run(slurm, small, unfinished) -> Iterator[tuple[subprocess.Popen, Path]]:
    """Snakemake on its way to the free energies, with the profile as it is shipped but for the waiting times."""
    project = unfinished("cluster")
    override = project.folder / "override.yaml"
    override.write_text(yaml.safe_dump(small))
    profile = project.snakefile.parent / "profiles" / "slurm"
    command = [sys.executable, SNAKEMAKE, *SURFACES, "--snakefile", project.snakefile, "--workflow-profile", profile]
    command += ["--directory", project.folder, "--configfile", override, "--latency-wait", "10"]
    command += ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
    with open(project.folder / "output.txt", "w") as output:
        process = subprocess.Popen(command, cwd=project.folder, env=slurm.environment, stdout=output, stderr=output)
    yield process, project.folder
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()


def cancel_windows_once_begun(slurm, process: subprocess.Popen, folder: Path) -> str:
    """Cancel the job of a batch of windows as soon as it has written a restart file, and return the number of the job."""
    end = time.monotonic() + SECONDS_TO_WAIT
    log = folder / "output.txt"
    while not list(folder.glob("results/small/.restart/production-window-0-*/state.npz")):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.005)
    job = jobs_of_windows(folder)[-1]
    slurm.ask("scancel", job)
    return job


def jobs_of_windows(folder: Path) -> list[str]:
    """Return the numbers that Slurm has given to the attempts at a batch of windows."""
    return re.findall(
        r"SLURM jobid (\d+) \(log: \S+/rule_run_windows/small_production_0/", (folder / "output.txt").read_text()
    )


def test_a_cancelled_job_goes_on_and_the_results_are_those_of_a_local_run(slurm, cluster_run, finished):
    process, folder = cluster_run
    job = cancel_windows_once_begun(slurm, process, folder)
    process.wait(SECONDS_TO_FINISH)
    assert process.returncode == 0, (folder / "output.txt").read_text()

    first, second = jobs_of_windows(folder)
    assert first == job
    listing = slurm.ask("squeue", "--noheader", "--states=all", "--jobs", f"{first},{second}", "--format=%i %T %m %l")
    attempts = {number: (state, memory, limit) for number, state, memory, limit in map(str.split, listing.splitlines())}
    assert attempts == {first: ("CANCELLED", "2000M", "4:00:00"), second: ("COMPLETED", "4000M", "8:00:00")}
    log = (folder / "logs/small" / WINDOWS / "run_windows.log").read_text()
    assert int(re.search(r"going on after frame (\d+) of \d+", log)[1]) > 0

    results = folder / "results" / "small"
    trajectories = sorted(str(path.relative_to(results)) for path in results.glob("[srp]*/**/trajectory.dcd"))
    assert len(trajectories) == 2 + 2 * 2 + 2  # seed, rounds and production
    for name in trajectories + [surface.removeprefix("results/small/") for surface in SURFACES]:
        assert (results / name).read_bytes() == (finished.results / name).read_bytes(), name
    assert list((results / ".restart").glob("*")) == []

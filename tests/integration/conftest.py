"""Small but real runs of the workflow."""

import copy
import csv
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

SMALL = {  # every number that a test counts with is given here, and none taken from the default configuration
    "run": "small",
    "random_seed": 1,
    "dynamics": {"platform": "Reference", "restart_interval_ps": 1},  # the platform that is deterministic everywhere
    "seeding": {"n_replicas": 2, "length_ps": 40, "save_interval_ps": 1},
    "baseline": {"n_replicas": 1, "length_ps": 20, "save_interval_ps": 1},
    "training": {"n_cvs": 2, "hidden_layers": [8], "n_restarts": 1, "max_epochs": 5, "epoch_frames": 1024},
    "exploration": {
        "n_rounds": 2,
        "n_windows": 3,
        "windows_per_batch": 2,
        "length_ps": 10,
        "save_interval_ps": 1,
        "ramp_ps": 2,
        "convergence_growth": 0,
        "convergence_rounds": 3,
    },
    "production": {
        "inputs": ["dihedrals"],
        "outputs": [{"kind": "positions"}],
        "n_cvs": 1,
        "cv_layer": "circular",
        "hidden_layers": [8],
        "n_candidates": 60,
        "n_windows": 8,
        "windows_per_batch": 4,
        "length_ps": 10,
        "extend_ns": 0.06,
        "save_interval_ps": 0.5,
        "ramp_ps": 2,
    },
    "observables": {"phi": {"bin_width_deg": 10}, "psi": {"bin_width_deg": 10}},
    "free_energy": {"surfaces": [["phi", "psi"], ["phi"]], "cv_bins": 20, "n_bootstrap": 10},
    "figures": {"dpi": 60},
}


@dataclass(frozen=True)
class Project:
    """A working directory with a copy of the repository's configuration; the run's name is ``small``."""

    folder: Path
    snakefile: Path

    @property
    def results(self) -> Path:
        return self.folder / "results" / "small"

    def start(self, *arguments: str, **sections) -> subprocess.Popen:
        """Start Snakemake here, in a process group of its own, with keys of the small configuration overridden."""
        overridden = {
            name: SMALL.get(name, {}) | section if isinstance(section, dict) else section
            for name, section in sections.items()
        }
        override = self.folder / "override.yaml"
        override.write_text(yaml.safe_dump(SMALL | overridden))
        command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", self.snakefile, "--cores", "2"]
        command += ["--directory", self.folder, "--configfile", override]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with open(self.folder / "output.txt", "w") as output:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    def finish(self, process: subprocess.Popen) -> str:
        """Wait for the successful end of what ``start`` has started and return what it printed."""
        try:
            process.wait(timeout=900)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        output = (self.folder / "output.txt").read_text()
        assert process.returncode == 0, output
        return output

    def snakemake(self, *arguments: str, **sections) -> str:
        """Run Snakemake to its successful end and return what it prints."""
        return self.finish(self.start(*arguments, **sections))

    def planned(self, *targets: str, **sections) -> dict[str, str]:
        """Return the files that a run would make anew, each with its rule."""
        lines = self.snakemake(*targets, "--summary", **sections).splitlines()
        table = [line for line in lines if line.count("\t") > 3]
        rows = csv.DictReader(table, delimiter="\t")
        return {row["output_file"]: row["rule"] for row in rows if row["plan"] != "no update"}


@pytest.fixture(scope="session")
def small() -> dict:
    """The small configuration."""
    return copy.deepcopy(SMALL)


@pytest.fixture(scope="session")
def empty_project(repository, tmp_path_factory) -> Callable[[str], Project]:
    """Make a project in which nothing has been run, in a folder of the given name."""

    def make(name: str) -> Project:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(repository / "config", folder / "config")
        return Project(folder, repository / "Snakefile")

    return make


@pytest.fixture(scope="session")
def finished(repository, empty_project, tmp_path_factory, worker_id) -> Project:
    """A project whose run of two rounds and production is finished, once for all of pytest's processes; it is for reading only."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent  # which all processes have in common
    address = shared / "finished.txt"
    with FileLock(shared / "finished.lock"):
        if not address.exists():
            project = empty_project("finished")
            (project.folder / "first_run.txt").write_text(project.snakemake())
            address.write_text(str(project.folder))
    return Project(Path(address.read_text()), repository / "Snakefile")


@pytest.fixture
def unfinished(request, empty_project, copy_of_finished) -> Callable[[str], Project]:
    """Make a project in which the second round's windows and all that comes of them are still to be run."""

    def make(name: str) -> Project:
        if request.config.getoption("--whole"):
            return empty_project(name)
        project = copy_of_finished(name)
        for folder in (project.results, project.folder / "benchmarks" / "small"):
            for path in (
                *folder.glob("round-2/batch-*"),
                folder / "production",
                folder / "extension",
                folder / "free_energy",
            ):
                shutil.rmtree(path)
            for path in (*folder.glob("round-2/observables.parquet"), *folder.glob("round-2/measure_observables.tsv")):
                path.unlink()
        return project

    return make


@pytest.fixture
def copy_of_finished(finished, tmp_path) -> Callable[[str], Project]:
    """Copy the finished project, times of modification included, to a folder of the given name."""

    def copy(name: str) -> Project:
        return Project(shutil.copytree(finished.folder, tmp_path / name), finished.snakefile)

    return copy


@pytest.fixture(scope="session")
def second_run(request, finished, tmp_path_factory) -> Callable[[str], Project]:
    """Copy the finished project to a folder of the given name, for a test that makes another run beside it; only with --whole."""

    def copy(name: str) -> Project:
        if not request.config.getoption("--whole"):
            pytest.skip("a second run: only with --whole")
        return Project(shutil.copytree(finished.folder, tmp_path_factory.mktemp(name) / name), finished.snakefile)

    return copy

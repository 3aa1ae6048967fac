"""Snakemake in a folder of its own, for dry runs only."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml


@dataclass(frozen=True)
class Project:
    """A working directory with the repository's configuration."""

    folder: Path
    snakefile: Path

    def snakemake(self, *arguments: str, config: dict | None) -> subprocess.CompletedProcess:
        """Run Snakemake here, with the default configuration overridden by ``config``, if there is any."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", self.snakefile, "--cores", "2"]
        command += ["--directory", self.folder]
        if config is not None:
            override = self.folder / "override.yaml"
            override.write_text(yaml.safe_dump(config))
            command += ["--configfile", override]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)

    def count_jobs(self, config: dict, *targets: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run plans."""
        return read_job_stats(self.snakemake(*targets, "--dry-run", config=config))

    def refusal(self, *arguments: str, config: dict | None) -> str:
        """Return the one line with which a configuration is refused, before anything is written."""
        result = self.snakemake(*arguments, "--dry-run", config=config)
        output = result.stdout + result.stderr
        errors = [line for line in output.splitlines() if line.startswith("config error:")]
        assert result.returncode != 0
        assert "Traceback" not in output
        assert len(errors) == 1
        assert not self.written()
        return errors[0]

    def written(self) -> list[str]:
        """Return the folders of results that exist."""
        return [name for name in ("results", "logs", "benchmarks") if (self.folder / name).exists()]


def read_job_stats(result: subprocess.CompletedProcess) -> dict[str, int]:
    """Read how many jobs of each rule a successful dry run plans."""
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    table = output.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


@pytest.fixture(scope="session")
def job_stats() -> Callable[[subprocess.CompletedProcess], dict[str, int]]:
    return read_job_stats


@pytest.fixture(scope="session")
def project(repository, tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    (folder / "config").symlink_to(repository / "config")
    return Project(folder, repository / "Snakefile")

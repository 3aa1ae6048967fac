"""What a result was made from: versions, platform, commit, configuration, random seeds and hashes of inputs."""

import hashlib
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from . import __version__

PACKAGES = (
    "snakemake",
    "openmm",
    "torch",
    "numba",
    "numpy",
    "scipy",
    "mdtraj",
    "pymbar",
    "pandas",
    "pyarrow",
    "matplotlib",
)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_versions() -> dict[str, str | None]:
    """Return the installed version of each package that results depend on; None where it is missing."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def git_commit(folder: Path) -> str | None:
    """Return the commit of a checkout, with ``-dirty`` where tracked files are changed; None outside of one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def collect_provenance(inputs: list[Path], random_seed: int, openmm_platform: str, configuration: dict) -> dict:
    """Collect what a run is made from.

    Args:
        inputs: The files whose hashes to record.
        random_seed: The run's random seed.
        openmm_platform: The platform that its simulations run on.
        configuration: The resolved configuration, as far as results depend on it.
    """
    return {
        "mesaflow": __version__,
        "git_commit": git_commit(Path(__file__).parent),
        "python": sys.version.split()[0],
        "operating_system": platform.platform(),
        "machine": platform.machine(),
        "packages": package_versions(),
        "openmm_platform": openmm_platform,
        "random_seed": random_seed,
        "random_seeds": "every random number derives from random_seed by mesaflow.randomness.derive_seed",
        "configuration": configuration,
        "sha256": {str(path): hash_file(path) for path in inputs},
    }

"""The window manifest: one row a window, a file that other people's scripts read."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from .files import write_rows
from .units import FEMTOSECONDS_PER_PICOSECOND

if TYPE_CHECKING:  # the Snakefile reads manifests and should not wait for scipy
    from .windows import Window

# A restrained step relative to an unbiased one, measured for 22 atoms; less for larger systems.
_COST_OF_RESTRAINT = 1.5
_MICROSECONDS_PER_MINUTE = 60e6
_WHOLE_NUMBERS = {"window", "start_frame", "random_seed", "extends"}
_TEXTS = {"start_trajectory"}


def center_columns(n_cvs: int) -> list[str]:
    """Return the names of a manifest's columns for the centre."""
    return [f"center_{k + 1}" for k in range(n_cvs)]


def count_cvs(path: Path) -> int:
    """Return the number of collective variables that a manifest's centres have; it is told by the header."""
    with open(path, newline="") as file:
        return sum(column.startswith("center_") for column in next(csv.reader(file, delimiter="\t")))


def write_manifest(
    path: Path,
    windows: "list[Window]",
    n_cvs: int,
    starts: list[tuple[str, int]],
    random_seeds: list[int],
    first: int = 0,
    extends: list[int] | None = None,
) -> None:
    """Write a manifest; without windows it has a header only.

    Args:
        path: The file.
        windows: The windows.
        n_cvs: The number of collective variables.
        starts: For each window the trajectory file and the frame in it that it starts from.
        random_seeds: For each window its random seed.
        first: The number of the first window.
        extends: For each window the one that it goes on with, where it does so.
    """
    header = ["window", *center_columns(n_cvs), "force_constant", "start_trajectory", "start_frame", "random_seed"]
    ends: list[list[int]] = [[] for _ in windows] if extends is None else [[window] for window in extends]
    header += [] if extends is None else ["extends"]
    rows = [header]
    for i, (window, start, seed, end) in enumerate(zip(windows, starts, random_seeds, ends, strict=True), first):
        center = [repr(float(value)) for value in window.center]
        rows.append([i, *center, repr(float(window.force_constant)), *start, seed, *end])
    write_rows(path, rows, delimiter="\t")


def read_manifest(path: Path) -> list[dict[str, int | float | str]]:
    """Read a manifest as plain rows, which Snakemake can compare as params."""
    with open(path, newline="") as file:
        return [{key: _parse(key, text) for key, text in row.items()} for row in csv.DictReader(file, delimiter="\t")]


def split_into_batches(rows: list[dict], windows_per_batch: int) -> dict[int, list[dict]]:
    """Group rows into batches by their window number."""
    batches: dict[int, list[dict]] = {}
    first = min((row["window"] for row in rows), default=0)
    for row in rows:
        batches.setdefault((row["window"] - first) // windows_per_batch, []).append(row)
    return batches


def windows_within(minutes: float, length_ps: float, timestep_fs: float, microseconds_per_step: float) -> int:
    """Return how many windows fit into a length of time, and one where none does.

    Args:
        minutes: The time [min].
        length_ps: The length of a window [ps].
        timestep_fs: The time step [fs].
        microseconds_per_step: The time that an unbiased step was measured to take [µs].
    """
    n_steps = length_ps * FEMTOSECONDS_PER_PICOSECOND / timestep_fs
    minutes_per_window = n_steps * microseconds_per_step * _COST_OF_RESTRAINT / _MICROSECONDS_PER_MINUTE
    return max(1, int(minutes / minutes_per_window))


def _parse(key: str, text: str) -> int | float | str:
    if key in _TEXTS:
        return text
    return int(text) if key in _WHOLE_NUMBERS else float(text)

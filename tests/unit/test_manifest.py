from dataclasses import dataclass

import numpy as np
import pytest

from mesaflow.manifest import (
    center_columns,
    count_cvs,
    read_manifest,
    split_into_batches,
    windows_within,
    write_manifest,
)


@dataclass
class Placed:
    """What a manifest reads of a window."""

    center: np.ndarray
    force_constant: float


WINDOWS = [Placed(np.array([0.1 + 0.2, -1e-17]), 80 / 3), Placed(np.array([np.pi, 2.0]), 1e300)]
STARTS = [("results/run/seed-1.dcd", 7), ("results/run/round-1/batch-0.dcd", 0)]
SEEDS = [2**31 - 1, 1]


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "windows.tsv"
    write_manifest(path, WINDOWS, 2, STARTS, SEEDS)
    return path


def test_rows_come_back_to_the_last_bit(manifest):
    rows = read_manifest(manifest)
    assert rows == [
        {
            "window": i,
            "center_1": float(window.center[0]),
            "center_2": float(window.center[1]),
            "force_constant": window.force_constant,
            "start_trajectory": start[0],
            "start_frame": start[1],
            "random_seed": seed,
        }
        for i, (window, start, seed) in enumerate(zip(WINDOWS, STARTS, SEEDS, strict=True))
    ]


def test_the_header_tells_the_number_of_cvs(manifest, tmp_path):
    assert count_cvs(manifest) == 2
    write_manifest(tmp_path / "empty.tsv", [], 3, [], [])
    assert count_cvs(tmp_path / "empty.tsv") == 3


def test_rows_hold_plain_values(manifest):
    kinds = {"window": int, "start_frame": int, "random_seed": int, "start_trajectory": str}
    for row in read_manifest(manifest):
        assert {key: type(value) for key, value in row.items()} == {key: kinds.get(key, float) for key in row}


def test_file_is_a_table_that_others_can_read(manifest):
    lines = manifest.read_text().split("\n")
    header = "window center_1 center_2 force_constant start_trajectory start_frame random_seed"
    assert lines[0].split("\t") == header.split(" ")
    assert lines[2].split("\t")[:3] == ["1", repr(np.pi), "2.0"]
    assert lines[3:] == [""]


def test_manifest_without_windows_has_a_header(tmp_path):
    write_manifest(tmp_path / "windows.tsv", [], 3, [], [])
    assert read_manifest(tmp_path / "windows.tsv") == []
    assert (tmp_path / "windows.tsv").read_text().startswith("window\tcenter_1\tcenter_2\tcenter_3\t")


def test_a_window_without_a_start_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_manifest(tmp_path / "windows.tsv", WINDOWS, 2, STARTS[:1], SEEDS)
    assert not (tmp_path / "windows.tsv").exists()


def test_center_columns_count_from_one():
    assert center_columns(3) == ["center_1", "center_2", "center_3"]


def test_batches_hold_consecutive_windows():
    rows = [{"window": i} for i in range(7)]
    batches = split_into_batches(rows, 3)
    assert {number: [row["window"] for row in batch] for number, batch in batches.items()} == {
        0: [0, 1, 2],
        1: [3, 4, 5],
        2: [6],
    }
    assert split_into_batches([], 3) == {}


def test_windows_of_a_job_fill_its_time():
    # 100 ps in steps of 2 fs, 120 µs each with the restraint: 6 s a window
    assert windows_within(1, length_ps=100, timestep_fs=2, microseconds_per_step=80) == 10
    assert windows_within(2.05, length_ps=100, timestep_fs=2, microseconds_per_step=80) == 20


def test_a_window_longer_than_a_job_has_a_job_of_its_own():
    assert windows_within(1, length_ps=1e6, timestep_fs=2, microseconds_per_step=80) == 1

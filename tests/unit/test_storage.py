"""Full and read-only disks: one sentence, and nothing half-written under a file's own name."""

from mesaflow.job import log_to

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mesaflow import files
from mesaflow.errors import StorageError
from mesaflow.files import copy_file, write_arrays, write_columns, write_csv, write_json, write_rows
from mesaflow.restart import Restart
from mesaflow.trajectories import load_topology, load_trajectory, save_trajectory

DISK_KIB = 64
LARGE = np.random.default_rng(0).normal(size=(400, 22, 3))  # 26,400 numbers: more than the disk holds in any format
WRITERS = {
    "trajectory": lambda path: save_trajectory(path, LARGE),
    "arrays": lambda path: write_arrays(path, positions=LARGE),
    "json": lambda path: write_json(path, LARGE.tolist()),
    "csv": lambda path: write_csv(path, pd.DataFrame({"x": LARGE.ravel()})),
    "rows": lambda path: write_rows(path, LARGE.reshape(-1, 3).tolist()),
    "parquet": lambda path: write_columns(path, {"x": LARGE.ravel()}),
}


@pytest.fixture
def disk(tmp_path):
    """Mount a small disk; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
def test_on_a_full_disk_the_old_file_stays_and_nothing_else(disk, writer):
    path = disk / "file"
    path.write_text("old")
    with pytest.raises(StorageError) as raised:
        writer(path)
    assert str(raised.value) == (
        f"{path} cannot be written (No space left on device); make room on the disk and run again: what is finished stays."
    )
    assert [other.name for other in disk.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_on_a_read_only_disk_the_error_names_file_and_remedy(disk):
    (disk / "file").write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for writer in WRITERS.values():
        with pytest.raises(StorageError, match="file cannot be written .*; make the file system writable"):
            writer(disk / "file")
    assert (disk / "file").read_text() == "old"


def test_the_restart_files_that_fitted_are_whole(disk):
    restart, n_saved = Restart(disk / "window"), 0
    block = {"positions": LARGE[:40].astype(np.float32)}
    with pytest.raises(StorageError, match="window/.* cannot be written"):
        while True:
            restart.save(b"state" * 20, block, n_saved + 1)
            n_saved += 1
    assert n_saved > 0
    _, blocks = restart.load()
    assert len(blocks) == n_saved
    np.testing.assert_array_equal(blocks[-1]["positions"], block["positions"])


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_beyond_the_limit_is_not_left_cut_off(kind, tmp_path):
    """The limit on the size of files needs no root, and cuts a file off as a full disk does."""
    program = (
        "import resource, sys, test_storage\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({DISK_KIB * 1024}, {DISK_KIB * 1024}))\n"
        "test_storage.WRITERS[sys.argv[1]](sys.argv[2])\n"
    )
    scripts = Path(files.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{scripts}:{Path(__file__).parent}"}
    ran = subprocess.run(
        [sys.executable, "-c", program, kind, tmp_path / "file"], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert f"StorageError: {tmp_path / 'file'} cannot be written" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_every_error_of_a_disk_has_a_remedy(number, tmp_path):
    def write(temporary):
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError, match=f"cannot be written \\({os.strerror(number)}\\); make ") as raised:
        files.write_atomically(tmp_path / "file", write)
    assert raised.value.errno == number


def test_other_errors_are_left_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "missing", tmp_path / "file")


def test_a_job_on_a_full_disk_says_one_line(tmp_path, capfd):
    with pytest.raises(SystemExit) as ended, log_to(tmp_path / "log.txt"):
        raise StorageError(errno.ENOSPC, "results/x cannot be written (No space left on device); make room")
    assert ended.value.code == 1
    line = "error: results/x cannot be written (No space left on device); make room\n"
    assert capfd.readouterr().err == line
    assert (tmp_path / "log.txt").read_text() == line


def test_a_log_that_fills_the_disk_is_named(disk, capfd):
    with pytest.raises(SystemExit), log_to(disk / "log.txt"):
        for _ in range(DISK_KIB):
            print("x" * 1024 * 4)
    said = capfd.readouterr().err
    assert said.startswith(f"error: {disk / 'log.txt'} cannot be written (No space left on device)")
    assert said.count("\n") == 1


def test_a_trajectory_that_fits_is_whole(disk, alanine_pdb):
    save_trajectory(disk / "file.dcd", LARGE[:50])
    assert load_trajectory(disk / "file.dcd", load_topology(alanine_pdb)).shape == (50, 22, 3)

"""A run that is killed goes on where it was, and ends as if it had not been."""

import os
import signal
import subprocess
import time
from pathlib import Path

TARGETS = [f"results/small/round-1/batch-0/{name}" for name in ("trajectory.dcd", "samples.parquet", "status.json")]
LONGER = {"exploration": {"length_ps": 60}}
N_BLOCKS = 60  # one a picosecond
KILLED_AFTER = N_BLOCKS + 15  # in the second of the two windows
SECONDS_TO_WAIT = 120


def restart_blocks(folder: Path) -> dict[str, int]:
    """Return the blocks of finished frames among the restart files, each with its time of modification."""
    blocks = {}
    for path in folder.glob("results/small/.restart/round-1-window-*/block-*.npz"):
        try:
            blocks[str(path.relative_to(folder))] = path.stat().st_mtime_ns
        except FileNotFoundError:  # removed since it was listed, at the end of the run
            continue
    return blocks


def kill_when(condition, process: subprocess.Popen) -> None:
    """Kill a process group as soon as a condition holds."""
    end = time.monotonic() + SECONDS_TO_WAIT
    try:
        while not condition():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < end, "the run wrote too few restart files"
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_killed_run_ends_as_if_it_had_not_been_killed(copy_of_finished):
    unkilled, killed = copy_of_finished("unkilled"), copy_of_finished("killed")
    unkilled.snakemake(*TARGETS, **LONGER)

    process = killed.start(*TARGETS, **LONGER)
    kill_when(lambda: len(restart_blocks(killed.folder)) >= KILLED_AFTER, process)
    killed.snakemake("--unlock", **LONGER)
    left = restart_blocks(killed.folder)
    assert KILLED_AFTER <= len(left) < 2 * N_BLOCKS
    newest = max(left, key=left.get)  # a block is written again if its state had not been written yet

    process = killed.start(*TARGETS, **LONGER)
    seen = {}
    while process.poll() is None:
        seen |= restart_blocks(killed.folder)
        time.sleep(0.01)
    killed.finish(process)
    assert {path for path, written in left.items() if seen[path] != written} <= {newest}
    assert len(seen) > len(left)
    for target in TARGETS:
        assert (killed.folder / target).read_bytes() == (unkilled.folder / target).read_bytes(), target
    assert list((killed.results / ".restart").glob("*")) == []

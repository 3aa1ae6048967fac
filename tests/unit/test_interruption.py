import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mesaflow.interruption import EXIT_CODE, Interruption, heed_sigterm
from mesaflow.restart import Restart
from mesaflow.simulation import Dynamics, Schedule, simulate
from mesaflow.trajectories import load_topology, load_trajectory

DYNAMICS = Dynamics(temperature=20.0, friction=1.0, timestep=0.002, platform="Reference")
SCHEDULE = Schedule(n_frames=12, steps_per_frame=30, frames_per_block=5)
SECONDS_TO_WAIT, SECONDS_TO_LEAVE = 60, 10
TRAJECTORY = "results/small/seed/replica-0/trajectory.dcd"

# Stands for Snakemake: runs seed_unbiased with the objects that its script is given.
DRIVER = """
import sys
from types import SimpleNamespace
import seed_unbiased
from mesaflow.files import write_json


class Files(dict):
    __getattr__ = dict.__getitem__


write_json("platform.json", {"platform": "Reference"})
dynamics = {"temperature_K": 300, "friction_per_ps": 1, "timestep_fs": 2, "restart_interval_ps": 4}
simulation = {"length_ps": 40, "save_interval_ps": 0.5}
params = {"simulation": simulation, "dynamics": dynamics, "random_seed": 1, "stage": "seed"}
seed_unbiased.main(SimpleNamespace(
    input=Files(topology=sys.argv[1], system="system.xml", platform="platform.json"),
    output=SimpleNamespace(trajectory=sys.argv[2]),
    log=["log.txt"],
    params=SimpleNamespace(**params),
    wildcards=SimpleNamespace(run="small", replica="0"),
    threads=1,
))
"""


@pytest.fixture
def run(argon, tetrahedron, tmp_path):
    def simulate_argon(name: str, **options) -> dict[str, np.ndarray]:
        return simulate(argon, tetrahedron, DYNAMICS, SCHEDULE, 11, Restart(tmp_path / name), **options)

    return simulate_argon


def after(n_calls: int):
    """Return a must_end that says yes from its n-th call on."""
    calls = []

    def must_end() -> bool:
        calls.append(None)
        return len(calls) >= n_calls

    return must_end


@pytest.mark.parametrize("n_frames", [1, 4, 5, 8])
def test_the_frame_in_hand_is_the_last_and_the_next_attempt_goes_on_after_it(run, tmp_path, n_frames):
    with pytest.raises(Interruption, match=f"^{n_frames} of 12 frames are saved in "):
        run("ended", must_end=after(n_frames))
    _, blocks = Restart(tmp_path / "ended").load()
    assert sum(len(block["positions"]) for block in blocks) == n_frames
    steps = []
    resumed = run("ended", on_steps=steps.append)
    assert steps[0] == n_frames * SCHEDULE.steps_per_frame
    assert resumed["positions"].tobytes() == run("whole")["positions"].tobytes()


def test_a_simulation_that_has_ended_anyway_is_not_interrupted(run):
    assert len(run("ended", must_end=after(SCHEDULE.n_frames))["positions"]) == SCHEDULE.n_frames


def test_sigterm_is_noted_within_the_block_only():
    before = signal.getsignal(signal.SIGTERM)
    with heed_sigterm() as must_end:
        assert not must_end()
        os.kill(os.getpid(), signal.SIGTERM)
        assert must_end()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.fixture
def start_script(repository, alanine_pdb, tmp_path):
    """Start seed_unbiased on alanine dipeptide in a folder of the given name."""
    from mesaflow.systems import build_system, load_structure, save_system

    system = build_system(load_structure(alanine_pdb), ["amber99sb.xml"], "vacuum", "h_bonds")

    def start(name: str) -> subprocess.Popen:
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            save_system(folder / "system.xml", system)
        environment = os.environ | {"PYTHONPATH": str(repository / "workflow" / "scripts")}
        command = [sys.executable, "-c", DRIVER, alanine_pdb, TRAJECTORY]
        return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)

    return start


def wait_for_restart_files(folder: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + SECONDS_TO_WAIT
    while not list(folder.glob("results/small/.restart/*/state.npz")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_script_leaves_on_sigterm_and_comes_to_the_same_bytes_when_run_again(start_script, tmp_path, alanine_pdb):
    assert start_script("whole").wait(SECONDS_TO_WAIT) == 0

    process = start_script("ended")
    wait_for_restart_files(tmp_path / "ended", process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=SECONDS_TO_LEAVE)
    assert process.returncode == EXIT_CODE
    assert said.count("\n") == 1 and "ended by SIGTERM: " in said and "the next attempt goes on from there" in said
    assert said in (tmp_path / "ended" / "log.txt").read_text()
    assert not (tmp_path / "ended" / TRAJECTORY).exists()

    assert start_script("ended").wait(SECONDS_TO_WAIT) == 0
    assert "going on after frame" in (tmp_path / "ended" / "log.txt").read_text()
    paths = [tmp_path / name / TRAJECTORY for name in ("ended", "whole")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(load_trajectory(paths[0], load_topology(alanine_pdb))) == 80

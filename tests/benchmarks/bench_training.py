"""Training throughput, and how time and memory grow with the number of frames.

Run ``make bench``. Throughput is that of whole epochs, validation included, of a 180-50-2-50-180 network (60 atoms, the
papers' network for Trp-cage). Growth, of superposing and collecting the training set and of an epoch on all of it, is measured
in a process for each size, since the peak memory of a process never falls.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from mesaflow.alignment import center
from mesaflow.dataset import TrainingSet, extend_training_set
from mesaflow.training import TrainingSettings, train

N_ATOMS, N_FRAMES, N_EPOCHS, N_TURNS, N_THREADS = 60, 100_000, 4, 2, 2
SIZES = [25_000 * 2**i for i in range(5)]
VALIDATION_FRACTION = 0.15
VARIANTS = {
    "alignment, no noise": {"invariance": "alignment", "noise": 0.0},
    "alignment, noise": {"invariance": "alignment", "noise": 0.02},
    "augmentation, no noise": {"invariance": "augmentation", "noise": 0.0},
    "augmentation, noise": {"invariance": "augmentation", "noise": 0.02},
}


def settings(**options) -> TrainingSettings:
    return TrainingSettings(
        hidden_layers=[50], cv_kinds=("linear",) * 2, scale=2.0, batch_size=512, epoch_frames=1, patience=99, **options
    )


def make_frames(n_frames: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((n_frames, N_ATOMS, 3), dtype=np.float32)
    return center(frames)


def time_epochs(frames: np.ndarray, n_epochs: int, **options) -> list[float]:
    """Return the time [s] of each epoch but the first, which warms up."""
    validates = np.arange(len(frames)) < VALIDATION_FRACTION * len(frames)
    ends = []
    train(
        frames,
        validates,
        frames[0],
        np.arange(N_ATOMS),
        settings(max_epochs=n_epochs, **options),
        1,
        lambda: ends.append(time.perf_counter()),
    )
    return list(np.diff(ends))


def report_throughput() -> None:
    frames = make_frames(N_FRAMES)
    n_trained = round((1 - VALIDATION_FRACTION) * N_FRAMES)
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(N_TURNS):
        for name, options in VARIANTS.items():
            times[name] += time_epochs(frames, N_EPOCHS, **options)
    print(f"{N_ATOMS} atoms, {N_FRAMES} frames, batch 512, {N_THREADS} threads")
    print(f"{'variant':32s} {'frames/s':>10s}")
    for name, values in times.items():
        print(f"{name:32s} {n_trained / statistics.median(values):10.0f}")


def report_growth() -> None:
    columns = ("s to collect", "s/epoch", "MB")
    print(f"\n{'frames':>10s}" + "".join(f"{name:>14s} {'ratio':>6s}" for name in columns))
    before = [float("nan")] * len(columns)
    for size in SIZES:
        command = [sys.executable, __file__, "--frames", str(size)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        now = [float(value) for value in output.split()]
        pairs = zip(now, before, strict=True)
        print(f"{size:10d}" + "".join(f"{value:14.2f} {value / last:6.2f}" for value, last in pairs), flush=True)
        before = now


def measure(n_frames: int) -> tuple[float, float, float]:
    """Return the time [s] to collect a training set, that of an epoch, and the peak memory [MB] beyond the libraries'."""
    empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    time_epochs(make_frames(2000), 2)  # loads and compiles what is loaded and compiled once
    frames = make_frames(n_frames)
    start = time.perf_counter()
    training_set = extend_training_set(TrainingSet.empty(np.arange(N_ATOMS), frames[0]), {"a.dcd": frames}, 0.15, 10, 1)
    training_set = training_set.select(n_frames, "even", 1)
    collected = time.perf_counter() - start
    del frames
    epoch = statistics.median(time_epochs(training_set.frames, N_EPOCHS, **VARIANTS["augmentation, noise"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return collected, epoch, (peak - empty) / 1024


def main() -> None:
    torch.set_num_threads(N_THREADS)
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, help="measure one size in this process and print seconds and megabytes")
    size = parser.parse_args().frames
    if size is None:
        report_throughput()
        report_growth()
    else:
        print(*measure(size))


if __name__ == "__main__":
    main()

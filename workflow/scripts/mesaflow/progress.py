"""Progress of long work in a log file: one line every few seconds, with speed and time left."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from .errors import InputError
from .units import PICOSECONDS_PER_NANOSECOND

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_PER_DAY = 86400.0
_MICROSECONDS_PER_SECOND = 1e6


@contextmanager
def log_to(path: Path) -> Iterator[logging.Logger]:
    """Send logging, warnings and everything printed, also by compiled libraries, to a log file while the block runs.

    An ``InputError`` ends the program with its one sentence instead of a traceback.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "w", buffering=1) as file, _redirected(1, file.fileno()), _redirected(2, file.fileno()) as console:
        stdout, stderr = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = file
        logging.basicConfig(stream=file, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
        logging.captureWarnings(True)
        try:
            yield logging.getLogger("mesaflow")
        except InputError as error:
            print(f"error: {error}", file=file)
            os.write(console, f"error: {error}\n".encode())
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
        finally:
            sys.stdout, sys.stderr = stdout, stderr


@contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[int]:
    """Point a file descriptor elsewhere while the block runs; yield a copy of the one that it replaces."""
    saved = os.dup(descriptor)
    os.dup2(target, descriptor)
    try:
        yield saved
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)


class _Progress(tqdm):
    """A progress meter that writes whole lines, which a log file can hold."""

    def __init__(self, total: int, description: str, unit: str):
        super().__init__(
            total=total,
            desc=description,
            unit=unit,
            file=sys.stderr,
            mininterval=_SECONDS_BETWEEN_LINES,
            miniters=1,
            bar_format="{desc}: {percentage:3.0f} %, {speed}, {elapsed} elapsed, {remaining} left\n",
            leave=True,
        )

    @property
    def format_dict(self) -> dict:
        values = super().format_dict
        rate = values["rate"] or self.n / max(values["elapsed"], 1e-9)
        return values | {"speed": self.speed(rate)}

    def speed(self, rate: float) -> str:
        return f"{rate:.3g} {self.unit}/s"


class EpochProgress(_Progress):
    """Progress of a training, in epochs."""

    def __init__(self, n_epochs: int, description: str):
        super().__init__(n_epochs, description, "epochs")


class FrameProgress(_Progress):
    """Progress of work on single frames."""

    def __init__(self, n_frames: int, description: str):
        super().__init__(n_frames, description, "frames")


class StepProgress(_Progress):
    """Progress of simulations, in steps, with ns/day and µs/step."""

    def __init__(self, n_steps: int, timestep: float, description: str):
        self._timestep = timestep
        super().__init__(n_steps, description, "steps")

    def speed(self, rate: float) -> str:
        if rate <= 0:
            return "starting"
        ns_per_day = rate * self._timestep / PICOSECONDS_PER_NANOSECOND * _SECONDS_PER_DAY
        return f"{ns_per_day:.4g} ns/day, {_MICROSECONDS_PER_SECOND / rate:.3g} µs/step"

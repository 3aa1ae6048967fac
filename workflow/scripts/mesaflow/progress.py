"""Progress of long work in a log file: one line every few seconds, with speed and time left."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from .errors import InputError
from .files import explain
from .interruption import EXIT_CODE, Interruption
from .units import PICOSECONDS_PER_NANOSECOND

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_PER_DAY = 86400.0
_MICROSECONDS_PER_SECOND = 1e6


@contextmanager
def log_to(path: Path) -> Iterator[logging.Logger]:
    """Send logging, warnings and everything printed, also by compiled libraries, to a log file while the block runs.

    What a user can mend ends the program with its one sentence instead of a traceback; so does a request to end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with _log_file(path) as file, _redirected(1, file.fileno()), _redirected(2, file.fileno()) as console:
        stdout, stderr = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = file
        logging.basicConfig(stream=file, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
        logging.captureWarnings(True)
        try:
            yield logging.getLogger("mesaflow")
        except InputError as error:
            _say(f"error: {error}", file, console)
            sys.exit(1)
        except Interruption as interruption:
            _say(f"ended by SIGTERM: {interruption}; the next attempt goes on from there", file, console)
            sys.exit(EXIT_CODE)
        except OSError as error:
            explained = explain(error, path)
            if explained is None:
                traceback.print_exc(file=file)
                raise
            _say(f"error: {explained}", file, console)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
        finally:
            sys.stdout, sys.stderr = stdout, stderr


@contextmanager
def _log_file(path: Path) -> Iterator[TextIO]:
    """Open a log file whose last words may be lost on a full disk."""
    file = open(path, "w", buffering=1)  # noqa: SIM115 (the context manager is this function)
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def _say(line: str, file: TextIO, console: int) -> None:
    """Write a line to the console, which has no disk to fill, and to the log file."""
    os.write(console, f"{line}\n".encode())
    with suppress(OSError):
        print(line, file=file)


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

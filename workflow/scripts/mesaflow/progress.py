"""Progress of long work in a log file: one line every few seconds, with speed and time left."""

import sys

from tqdm import tqdm

from .units import PICOSECONDS_PER_NANOSECOND

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_PER_DAY = 86400.0
_MICROSECONDS_PER_SECOND = 1e6


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

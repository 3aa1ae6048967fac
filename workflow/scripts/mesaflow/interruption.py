"""Ending early: a job that is asked to end saves what it has simulated, and its next attempt goes on from there.

Cluster systems send SIGTERM before they kill: at the time limit, when a job is cancelled, and when another job takes its
place. The time between the two is often 30 s, so that the request is answered after the frame in hand.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 128 + signal.SIGTERM
"""What a shell reports of a process that SIGTERM has ended."""


class Interruption(Exception):
    """A simulation was asked to end and has saved what it needs to go on; the message says how far it came."""


def never() -> bool:
    """Tell that nobody asks for an end."""
    return False


@contextmanager
def heed_sigterm() -> Iterator[Callable[[], bool]]:
    """Note SIGTERM instead of dying of it while the block runs; yield a function that tells whether it has come."""
    received = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    previous = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGTERM, previous)

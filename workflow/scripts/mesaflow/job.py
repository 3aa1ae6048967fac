"""What every script of the workflow runs in: its log file, and its end by an error or by a request.

Scripts import this first, before what takes long to load.
"""

import gc
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from .errors import InputError
from .files import explain
from .interruption import EXIT_CODE, Interruption

# Loading packages makes many objects and no garbage; Python's default, a search every 700 objects, takes a quarter of a job's start.
gc.set_threshold(50_000)


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
            gc.freeze()  # else Python looks through all that packages and the work have made once more before it ends


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

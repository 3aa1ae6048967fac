"""Python runs this first in every process of ``bench_overhead.py``: it notes how long the process started and imported."""

import atexit
import builtins
import json
import os
import sys
import time

_begin, _interpreter = time.time(), time.process_time()
_original_import = builtins.__import__
_depth, _importing = 0, 0.0


def _timed_import(*args, **keywords):
    global _depth, _importing
    _depth += 1
    start = time.perf_counter()
    try:
        return _original_import(*args, **keywords)
    finally:
        _depth -= 1
        if _depth == 0:
            _importing += time.perf_counter() - start


@atexit.register
def _note() -> None:
    noted = {
        "program": sys.argv[0],
        "begin": _begin,
        "end": time.time(),
        "start_up": _interpreter + _importing,
        "processor": time.process_time(),
    }
    with open(os.environ["STARTUP_NOTES"], "a") as file:
        file.write(json.dumps(noted) + "\n")


builtins.__import__ = _timed_import

"""Restart files: what a killed job needs to go on where it was.

They lie beside a run's results, in a folder named by a hash of everything that determines the simulation, so that
neither changed settings nor another job's leftovers are ever mixed in.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import read_arrays, write_arrays


def fingerprint(**parts: np.ndarray | bytes | str | float | int | list | dict | None) -> str:
    """Hash named parts of a simulation's definition to 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        part = parts[name]
        if isinstance(part, np.ndarray):
            content = str((part.dtype.str, part.shape)).encode() + np.ascontiguousarray(part).tobytes()
        elif isinstance(part, bytes):
            content = part
        else:
            content = json.dumps(part, sort_keys=True).encode()
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Restart:
    """The restart files of one simulation: numbered blocks of finished frames, and the state after the last one.

    The state is written after its block and names the number of blocks that it follows; a block without a state, left
    by a kill between the two, is written again.
    """

    folder: Path

    def load(self) -> tuple[bytes, list[dict[str, np.ndarray]]] | None:
        """Return the last state and all blocks before it, or None where there is nothing to go on from."""
        state_file = self.folder / "state.npz"
        if not state_file.is_file():
            return None
        state = read_arrays(state_file)
        blocks = [read_arrays(self._block_file(i)) for i in range(int(state["n_blocks"]))]
        return state["checkpoint"].tobytes(), blocks

    def save(self, checkpoint: bytes, block: dict[str, np.ndarray], n_blocks: int) -> None:
        """Write the newest block, then the state after it."""
        write_arrays(self._block_file(n_blocks - 1), **block)
        write_arrays(
            self.folder / "state.npz",
            checkpoint=np.frombuffer(checkpoint, dtype=np.uint8),
            n_blocks=np.array(n_blocks),
        )

    def remove(self) -> None:
        """Remove the restart files; the simulation's results are safe elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _block_file(self, i: int) -> Path:
        return self.folder / f"block-{i}.npz"


def restart_folder(results: Path, name: str, key: str) -> Path:
    """Return the folder of a simulation's restart files, beside the run's results."""
    return results / ".restart" / f"{name}-{key}"

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mesaflow.files import write_arrays
from mesaflow.restart import Restart, fingerprint, restart_folder


def block(number: int) -> dict[str, np.ndarray]:
    return {"positions": np.full((2, 3, 3), number, np.float32), "bias": np.array([number, number + 0.5])}


@pytest.fixture
def restart(tmp_path) -> Restart:
    return Restart(tmp_path / "window-3")


def test_nothing_is_loaded_before_anything_is_saved(restart):
    assert restart.load() is None


def test_state_and_blocks_come_back(restart):
    for i in range(3):
        restart.save(bytes([i, 0, 255]), block(i), n_blocks=i + 1)
    checkpoint, blocks = restart.load()
    assert checkpoint == bytes([2, 0, 255])
    assert len(blocks) == 3
    for i, loaded in enumerate(blocks):
        assert loaded.keys() == block(i).keys()
        for name, values in block(i).items():
            np.testing.assert_array_equal(loaded[name], values)
            assert loaded[name].dtype == values.dtype


def test_a_block_without_its_state_is_ignored_and_written_again(restart):
    restart.save(b"first", block(0), n_blocks=1)
    write_arrays(restart.folder / "block-1.npz", **block(77))
    checkpoint, blocks = restart.load()
    assert (checkpoint, len(blocks)) == (b"first", 1)
    restart.save(b"second", block(1), n_blocks=2)
    np.testing.assert_array_equal(restart.load()[1][1]["bias"], block(1)["bias"])


def test_a_first_block_without_state_is_no_restart(restart):
    write_arrays(restart.folder / "block-0.npz", **block(0))
    assert restart.load() is None


def test_removal_leaves_nothing_and_can_be_repeated(restart):
    restart.save(b"state", block(0), n_blocks=1)
    restart.remove()
    assert not restart.folder.exists()
    restart.remove()


def test_restart_files_lie_beside_the_results():
    assert restart_folder(Path("results/adp"), "round-1-window-3", "abc") == Path(
        "results/adp/.restart/round-1-window-3-abc"
    )


PARTS = {
    "positions": np.arange(6.0),
    "xml": "<System/>",
    "seed": 7,
    "schedule": {"b": 1, "a": 2},
    "raw": b"x",
    "no": None,
}


def test_fingerprint_is_stable():
    assert fingerprint(seed=7, xml="<System/>") == hashlib.sha256(b'seed:1:7xml:11:"<System/>"').hexdigest()[:32]
    reordered = dict(reversed(PARTS.items())) | {"schedule": {"a": 2, "b": 1}}
    assert fingerprint(**reordered) == fingerprint(**PARTS)
    assert len(fingerprint(**PARTS)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"positions": np.nextafter(np.arange(6.0), 9)},
        {"positions": np.arange(6.0, dtype=np.float32)},
        {"positions": np.arange(6.0).reshape(2, 3)},
        {"xml": "<System />"},
        {"seed": 8},
        {"schedule": {"a": 2, "b": 1.5}},
        {"raw": b"y"},
        {"extra": 1},
    ],
)
def test_any_change_changes_the_fingerprint(change):
    assert fingerprint(**PARTS | change) != fingerprint(**PARTS)


def test_parts_cannot_run_into_one_another():
    assert fingerprint(a=b"1b:1:2", c=b"") != fingerprint(a=b"1", b=b"2", c=b"")


def test_memory_layout_does_not_change_the_fingerprint():
    matrix = np.arange(12.0).reshape(3, 4)
    assert (
        fingerprint(a=matrix) == fingerprint(a=np.asfortranarray(matrix)) == fingerprint(a=np.repeat(matrix, 2, 0)[::2])
    )

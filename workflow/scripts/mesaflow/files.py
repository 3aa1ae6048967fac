"""Writing files so that a crash or a full disk leaves either the old file or the new one, never half of one."""

import csv
import errno
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import InputError, StorageError

if TYPE_CHECKING:  # takes a second to import, and the Snakefile needs only the other functions
    import pandas as pd

_REMEDIES_OF_WRITING = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make the file system writable, or work in another folder",
}
"""What to do about the errors that only writing gives."""
_REMEDIES = _REMEDIES_OF_WRITING | {
    errno.EACCES: "make the folder writable, or work in another one",
    errno.EPERM: "make the folder writable, or work in another one",
    errno.EIO: "see whether the disk is full or faulty",
}


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary sibling of ``path``, then rename it to ``path``.

    Raises:
        StorageError: If the disk is full or cannot be written to, with ``path`` untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in _REMEDIES and not isinstance(error, StorageError):
            raise _storage_error(error.errno, path, _REMEDIES[error.errno]) from error
        raise
    finally:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            temporary.unlink(missing_ok=True)


def explain(error: OSError, path: Path) -> StorageError | None:
    """Return, as one sentence with a remedy, an error that writing gave; ``path`` is the file if the error names none."""
    if isinstance(error, StorageError):
        return error
    remedy = _REMEDIES_OF_WRITING.get(error.errno)
    return remedy and _storage_error(error.errno, error.filename or path, remedy)


def _storage_error(number: int, path: Path, remedy: str) -> StorageError:
    reason = os.strerror(number)
    return StorageError(number, f"{path} cannot be written ({reason}); {remedy} and run again: what is finished stays.")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, refusing NaN and infinity, which JSON does not know."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text))


def write_csv(path: Path, table: "pd.DataFrame", **options: Any) -> None:
    """Write a table as CSV without its index; ``options`` are those of pandas."""
    write_atomically(path, lambda temporary: table.to_csv(temporary, index=False, **options))


def write_rows(path: Path, rows: Iterable[Sequence], delimiter: str = ",") -> None:
    """Write rows, the header first, as CSV or with another delimiter: what need not wait for pandas to be loaded."""

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="") as file:
            csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)

    write_atomically(path, write)


class Repeated(NamedTuple):
    """A column of a table in which each of a few texts stands in many rows that follow one another.

    Attributes:
        texts: The texts.
        n_rows: How often each of them stands.
    """

    texts: Sequence[str]
    n_rows: Sequence[int]


def write_columns(path: Path, columns: dict[str, np.ndarray | Repeated]) -> None:
    """Write named columns of numbers with ``shape=(n_rows,)``, or of texts that repeat, as Parquet, from their memory.

    PyArrow's own way from an array imports pandas, which takes longer than all else that most jobs import.

    Raises:
        TypeError: If an array is neither of integers nor of real numbers, or has another shape.
    """
    import pyarrow
    from pyarrow import parquet

    def as_arrow(values: np.ndarray | Repeated) -> pyarrow.Array:
        if isinstance(values, Repeated):
            texts = [text.encode() for text in values.texts]
            ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
            memory = pyarrow.py_buffer(b"".join(texts))
            distinct = pyarrow.LargeStringArray.from_buffers(len(texts), pyarrow.py_buffer(ends), memory)
            return distinct.take(as_arrow(np.repeat(np.arange(len(texts)), values.n_rows)))
        if values.ndim != 1 or values.dtype.kind not in "iuf":
            raise TypeError(
                f"a column of numbers is to be written, not an array of {values.dtype} and shape {values.shape}"
            )
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        memory = pyarrow.py_buffer(values)
        return pyarrow.Array.from_buffers(pyarrow.from_numpy_dtype(values.dtype), len(values), [None, memory])

    table = pyarrow.table([as_arrow(values) for values in columns.values()], names=list(columns))
    write_atomically(path, lambda temporary: parquet.write_table(table, temporary))


def read_columns(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Read columns of numbers of a Parquet file, without pandas, into arrays that cannot be written to.

    Real numbers that are missing, as which pandas writes what is not a number, are not a number.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        table = file.read(columns=names)
    columns = {name: table[name].fill_null(np.nan) if table[name].null_count else table[name] for name in names}
    return {name: np.from_dlpack(column.combine_chunks()) for name, column in columns.items()}


def join_columns(tables: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Put tables with the same columns one after another."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def copy_file(source: Path, path: Path) -> None:
    """Copy a file's content."""
    write_atomically(path, lambda temporary: shutil.copyfile(source, temporary))


def link_file(source: Path, path: Path) -> None:
    """Make a symbolic link to a file, relative so that both can be moved together."""
    target = os.path.relpath(source, Path(path).parent)
    write_atomically(path, lambda temporary: temporary.symlink_to(target))


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text())


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays to an ``.npz`` file."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)

    write_atomically(path, write)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file; pickled objects in it are refused.

    Raises:
        InputError: If the file is damaged, or no ``.npz`` file of plain arrays.
        FileNotFoundError: If there is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged, or no file of mesaflow; remove it and run again.") from error

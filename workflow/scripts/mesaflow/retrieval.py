"""Entries of the Protein Data Bank, fetched once and kept beside the run."""

import re
import urllib.error
import urllib.request
from pathlib import Path

from .errors import InputError
from .files import write_atomically

ADDRESS = "https://files.rcsb.org/download/{entry}.cif"
FOLDER = Path("resources/structures")
"""Where entries are kept, in the working directory: on a cluster it is there where a home folder may not be."""
_SECONDS_TO_WAIT = 30.0


def entry_file(pdb_id: str) -> Path:
    """Return the file that an entry is kept in."""
    return FOLDER / f"{pdb_id.upper()}.cif"


def fetch_entry(pdb_id: str) -> Path:
    """Fetch an entry as mmCIF, if it is not there yet.

    Args:
        pdb_id: Its identifier, such as ``1L2Y``.

    Returns:
        The file.

    Raises:
        InputError: If there is no such entry, or no way to it.
    """
    path = entry_file(pdb_id)
    if path.is_file():
        return path
    address = ADDRESS.format(entry=pdb_id.upper())
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS_TO_WAIT) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise InputError(
                f"system.pdb_id is {pdb_id!r}, and the Protein Data Bank has no such entry; give another."
            ) from error
        raise _unreachable(pdb_id, address, path, error) from error
    except OSError as error:
        raise _unreachable(pdb_id, address, path, error) from error
    if not re.match(rb"\s*(#.*\s+)*data_", content):
        raise _unreachable(pdb_id, address, path, "what came is no mmCIF file")
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return path


def _unreachable(pdb_id: str, address: str, path: Path, reason: object) -> InputError:
    reason = getattr(reason, "reason", None) or reason
    return InputError(
        f"system.pdb_id is {pdb_id!r}, and {address} cannot be fetched from here ({reason}); "
        f"put the file at {path}, or give system.sequence or system.structure."
    )

"""Relative paths of a configuration, resolved against the file that names them.

A key whose schema says ``x-path: true`` holds the path of a file; ``x-path: or_name`` marks one that may also be a name,
which is left alone where there is no such file.
"""

import copy
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError

_BRANCHES = ("anyOf", "oneOf", "allOf")
Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """What one file says of a configuration.

    Attributes:
        path: The file.
        content: Its keys and values, or a mapping that holds them somewhere: in a file for several workflows the keys of
            this one stand under a name that only the other workflow knows.
    """

    path: Path
    content: dict

    @property
    def folder(self) -> Path:
        return (Path.cwd() / self.path).parent

    def names(self, key: Key, value: str) -> bool:
        """Tell whether the file gives this value to this key."""
        return any(look_up(section, key) == value for section in _sections(self.content))


def resolve_paths(config: dict, schema: dict, sources: Iterable[Source], home: Path | None = None) -> dict:
    """Resolve relative paths against the folder of the file that names them, else the working directory, else ``home``.

    Args:
        config: A configuration that fits the schema; it is not changed.
        schema: The schema.
        sources: The files that the configuration comes from, the one that overrides the others first. A path that none
            of them names comes from the command line and is relative to the working directory.
        home: The folder of mesaflow, where the files of the configurations that come with it are.

    Returns:
        The configuration, with paths as they were written where they are relative to the working directory; others are
        relative where the file is below it, and absolute where it is not.

    Raises:
        InputError: If there is no such file, with the places that were searched.
    """
    resolved = copy.deepcopy(config)
    faults = []
    for key, subschema in list(_keys_of_paths(resolved, schema)):
        value = look_up(resolved, key)
        folders = [source.folder for source in sources if source.names(key, value)][:1]
        folders += [Path.cwd(), *([home] if home else [])]
        found = _find(value, folders)
        if found is not None:
            look_up(resolved, key[:-1])[key[-1]] = found
        elif subschema["x-path"] != "or_name":
            places = " or in ".join(dict.fromkeys(str(folder) for folder in folders))
            where = "" if Path(value).is_absolute() else f" in {places}"
            faults.append(f"{_in_words(key)} is {value!r}, and there is no such file{where}; give the path of a file.")
    if faults:
        raise InputError("\n".join(faults))
    return resolved


def _find(path: str, folders: list[Path]) -> str | None:
    """Return the path of the file, as short as it can be said from the working directory; None if there is none."""
    for folder in folders:
        if not (folder / path).exists():  # or a folder, that of the files that a topology includes
            continue
        if Path(path).is_absolute() or folder == Path.cwd():
            return path
        found = Path(os.path.normpath(folder / path))
        return str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found)
    return None


def _keys_of_paths(value: Any, schema: dict, key: Key = ()) -> Iterator[tuple[Key, dict]]:
    """Yield the keys of a configuration's values that are paths, each with its schema."""
    if "x-path" in schema and isinstance(value, str):
        yield key, schema
        return
    for branch in (branch for name in _BRANCHES for branch in schema.get(name, ())):
        yield from _keys_of_paths(value, branch, key)
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            subschema = known.get(name, others)
            if isinstance(subschema, dict):
                yield from _keys_of_paths(item, subschema, (*key, name))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for i, item in enumerate(value):
            yield from _keys_of_paths(item, schema["items"], (*key, i))


def look_up(value: Any, key: Iterable[str | int]) -> Any:
    """Return the value of a key, None if there is none."""
    for part in key:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _sections(content: Any) -> Iterator[dict]:
    """Yield a mapping and all mappings in it, the outermost first."""
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from _sections(value)


def _in_words(key: Key) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")

"""Sweeps: a table of runs that differ in some keys of one configuration, and what these runs share."""

import copy
import csv
import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import InputError
from .paths import Source
from .sources import is_explicit

STEPS = {
    "system": {"system": (), "dynamics": ()},
    "seed": {"system": (), "dynamics": (), "seeding": ("n_replicas",), "random_seed": ()},
    "unbiased": {"system": (), "dynamics": (), "baseline": ("n_replicas",), "random_seed": ()},
}
"""Steps that runs can share, by the folder of their results: the sections that they depend on, and keys therein that tell only
how many there are."""

_RUN = "run"
_NOT_OF_A_RUN = ("run", "sweep")
_N_DIGITS = 12  # of a SHA-256, in hexadecimal: enough to tell a few thousand configurations apart
_SHARED_NAME = re.compile(rf"shared-({'|'.join(STEPS)})-[0-9a-f]{{{_N_DIGITS}}}")


@dataclass(frozen=True)
class Sweep:
    """A table of runs.

    Attributes:
        name: The name of the folder in which the runs are put side by side.
        rows: For each run, by its name, the values that it has instead of those of the base, by dotted keys.
        path: The file, if there is one.
    """

    name: str
    rows: dict[str, dict[str, Any]]
    path: Path | None = None

    def configure(self, run: str, base: dict) -> tuple[dict, Source]:
        """Return the configuration of a run, before defaults and validation, and what the table says of it."""
        overrides: dict = {}
        config = copy.deepcopy(base) | {_RUN: run, "sweep": None}
        for key, value in self.rows[run].items():
            _put(config, key, value)
            _put(overrides, key, copy.deepcopy(value))
        return config, Source(self.path or Path(), overrides)

    def locate(self, error: InputError, run: str) -> InputError:
        """Return an error about a run's configuration with its place in the table."""
        return InputError("\n".join(f"{self.path or self.name}, run {run}: {line}" for line in str(error).splitlines()))


def read_sweep(path: Path, schema: dict, key: str = "sweep") -> Sweep:
    """Read a table of runs; empty lines, and lines that start with ``#``, are passed over.

    Args:
        path: The file, with tabs between columns: ``run`` for names, dotted keys for values as YAML. An empty cell
            leaves the value of the base.
        schema: The schema of the configuration.
        key: The key of the configuration that names the file, for errors.

    Raises:
        InputError: If the table cannot be read, names a run twice or not rightly, or a key that there is not, with one
            line for each fault.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file, delimiter="\t") if any(cell.strip() for cell in line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{key} is {str(path)!r}, which cannot be read as a table of text: {error}.") from error
    lines = [[cell.strip() for cell in line] for line in lines if not line[0].lstrip().startswith("#")]
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    faults = list(_faults_of_header(header, schema))
    if not faults and not rows:
        faults = ["has no run; give one in each line below the header."]
    if not faults:
        faults = [fault for line in rows if (fault := _fault_of_length(line, header))]
    if not faults:
        names = [line[header.index(_RUN)] for line in rows]
        faults = list(_faults_of_names(names, path.stem, schema))
    if faults:
        raise InputError("\n".join(f"{key}: {path} {fault}" for fault in faults))
    cells = [dict(zip(header, line, strict=False)) for line in rows]
    return Sweep(path.stem, {row.pop(_RUN): _parse_row(row, f"{key}: {path}") for row in cells}, path)


def shared_name(step: str, config: dict) -> str:
    """Name the folder in which runs of the same configuration share a step; no other run's comings and goings change it.

    Args:
        step: One of ``STEPS``.
        config: The resolved configuration of one of the runs.
    """
    sections = {
        name: {key: value for key, value in config[name].items() if key not in left_out} if left_out else config[name]
        for name, left_out in STEPS[step].items()
    }
    if step == "system" and is_explicit(config["system"]["solvent"]):
        sections["random_seed"] = config["random_seed"]  # decides which water becomes an ion, and equilibration
    digest = hashlib.sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest()
    return f"shared-{step}-{digest[:_N_DIGITS]}"


def step_of_shared_name(name: str) -> str | None:
    """Return the step of a folder that runs share; None if it is none."""
    match = _SHARED_NAME.fullmatch(name)
    return match[1] if match else None


def shared_pattern(*steps: str) -> str:
    """Return a regular expression of the names of folders that share one of these steps."""
    return rf"shared-(?:{'|'.join(steps)})-[0-9a-f]{{{_N_DIGITS}}}"


def _faults_of_header(header: list[str], schema: dict) -> list[str]:
    if not header:
        return ["is empty; give a header with the column run and dotted keys, and one line for each run."]
    if _RUN not in header:
        return [f"has no column run but {', '.join(map(repr, header))}; put tabs between columns and name one run."]
    faults = []
    for key in dict.fromkeys(header):
        if header.count(key) > 1:
            faults.append(f"has the column {key!r} {header.count(key)} times; give each key one column.")
        if key != _RUN and (remedy := _unknown(key, schema)):
            faults.append(f"has the column {key!r}, {remedy}")
    return faults


def _unknown(key: str, schema: dict) -> str | None:
    """Say what is wrong with a dotted key and what to do about it; None for a key that there is."""
    if key in _NOT_OF_A_RUN:
        return "which is no key that runs of a sweep can differ in; drop it."
    if not key:
        return "which names no key; give it a name or drop it."
    found = schema
    for part in key.split("."):
        found = found.get("properties", {}).get(part, found.get("additionalProperties"))
        if not isinstance(found, dict):
            close = difflib.get_close_matches(key, _every_key(schema), n=1)
            remedy = f"did you mean {close[0]}?" if close else "config/README.md explains all keys."
            return f"which is not a known key; {remedy}"
    return None


def _every_key(schema: dict, prefix: str = "") -> list[str]:
    """Return every dotted key of a schema."""
    keys = []
    for name, subschema in schema.get("properties", {}).items():
        keys += [f"{prefix}{name}", *_every_key(subschema, f"{prefix}{name}.")]
    return keys


def _fault_of_length(line: list[str], header: list[str]) -> str | None:
    if len(line) <= len(header) or not any(line[len(header) :]):
        return None
    return f"has {len(line)} cells in the line {line[0]!r} but {len(header)} columns; give each cell a column."


def _faults_of_names(names: list[str], sweep: str, schema: dict) -> list[str]:
    rule = schema["properties"][_RUN]
    faults = []
    for name in dict.fromkeys(names):
        if not re.search(rule["pattern"], name):
            faults.append(f"names a run {name!r}; give {rule['x-allowed']}.")
        if names.count(name) > 1:
            faults.append(f"names the run {name!r} {names.count(name)} times; give each run a name of its own.")
        if name == sweep:
            faults.append(f"names a run {name!r} like itself, and their results would mix; rename one of them.")
        if _SHARED_NAME.fullmatch(name):
            faults.append(f"names a run {name!r}, as folders are named that runs share; rename it.")
    if not re.search(rule["pattern"], sweep):
        faults.append(f"gives its name to a folder of results; let it begin with {rule['x-allowed']}.")
    return faults


def _parse_row(row: dict[str, str], place: str) -> dict[str, Any]:
    """Read the cells of a run as YAML; empty ones leave the value of the base."""
    return {key: _parse_cell(text, key, place) for key, text in row.items() if text}


def _parse_cell(text: str, key: str, place: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{place} has {text!r} in the column {key!r}, which is not YAML ({reason}).") from error


def _put(config: dict, key: str, value: Any) -> None:
    """Give a dotted key a value, making mappings on the way."""
    *sections, last = key.split(".")
    for name in sections:
        if not isinstance(config.get(name), dict):
            config[name] = {}
        config = config[name]
    config[last] = value

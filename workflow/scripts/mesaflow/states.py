"""States: ranges of one or several observables."""

import math
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .kinds import KINDS, Kind, kind_of

if TYPE_CHECKING:
    import pandas as pd

_USUAL = "dihedral"
"""The kind of an observable that nothing else is said of."""


def other_kinds(states: dict[str, dict], observables: dict[str, dict]) -> dict[str, str]:
    """Name the kinds of the observables that states are ranges of, but for dihedrals.

    Args:
        states: For each state its ranges.
        observables: The ``observables`` section of a configuration.
    """
    names = dict.fromkeys(name for ranges in states.values() for name in ranges)
    kinds = {name: kind_of(observables[name]).name for name in names}
    return {name: kind for name, kind in kinds.items() if kind != _USUAL}


def kind_in_state(name: str, kinds: dict[str, str]) -> Kind:
    """Return the kind of an observable, a dihedral if ``kinds`` does not name it."""
    return KINDS[kinds.get(name, _USUAL)]


def in_state(table: "pd.DataFrame", ranges: dict[str, list[float]], kinds: dict[str, str]) -> np.ndarray:
    """Tell which frames lie in a state.

    Args:
        table: The measured observables [rad, nm or 1].
        ranges: For each observable [from, to) in deg, nm or 1; the greatest value that there can be belongs to a range that
            ends there, and a range of a dihedral with from > to runs through ±180 deg.
        kinds: The kinds of the observables that are not dihedrals.
    """
    inside = np.ones(len(table), dtype=bool)
    for name, (start, stop) in ranges.items():
        kind = kind_in_state(name, kinds)
        values = kind.shown(table[name].to_numpy())
        after = values >= start
        before = (values < stop) | (not kind.circular and stop == kind.limits[1])
        inside &= after & before if start <= stop else after | before
    return inside


def describe_state(ranges: dict[str, list[float]], kinds: dict[str, str]) -> str:
    """Return the definition of a state in words, with units."""
    parts = [(name, start, stop, kind_in_state(name, kinds).unit.word) for name, (start, stop) in ranges.items()]
    return " and ".join(f"{name} from {start:g} to {stop:g} {unit}".rstrip() for name, start, stop, unit in parts)


def check_ranges(key: str, ranges: dict[str, list[float]], observables: dict[str, dict]) -> None:
    """Check the ranges of a state.

    Args:
        key: The key of the state, for the error.
        ranges: Its ranges.
        observables: The ``observables`` section of a configuration.

    Raises:
        InputError: If a range goes beyond what its observable can be, holds nothing, or is turned around.
    """
    for name, (start, stop) in ranges.items():
        kind = kind_of(observables[name])
        low, high = kind.limits
        given, unit = f"{key}.{name} is [{start:g}, {stop:g}]", f" {kind.unit.word}".rstrip()
        if not (low <= start <= high and low <= stop <= high):
            allowed = (
                f"values from {low:g} to {high:g}{unit}" if math.isfinite(high) else f"values of at least {low:g}{unit}"
            )
            raise InputError(f"{given}; give {allowed}.")
        if start == stop:
            raise InputError(f"{given}, which holds nothing; give two different ends.")
        if start > stop and not kind.circular:
            raise InputError(f"{given}, and only dihedrals go around a circle; give the lower end first.")

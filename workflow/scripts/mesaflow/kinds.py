"""The kinds of observables: what each is called, the unit in which it is given and shown, and its bins.

This module needs no molecule and no mdtraj, so that a configuration can be resolved without them; ``observables`` measures.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InputError

MOST_BINS = 1_000_000
"""Bins of one map or surface beyond which figures show nothing more and bootstrap samples fill the memory."""

_TAKEN_NAMES = ("trajectory", "frame", "kind")
"""Columns that tables hold beside observables."""


@dataclass(frozen=True)
class Unit:
    """A unit in which people read an observable.

    Attributes:
        word: What keys and columns end with, and sentences say; empty for a plain number.
        symbol: What labels of axes say.
        factor: How many of it make one of the package's own unit.
    """

    word: str
    symbol: str
    factor: float = 1.0

    @property
    def suffix(self) -> str:
        """The end of keys and columns in this unit."""
        return f"_{self.word}" if self.word else ""


DEGREES = Unit("deg", "°", 180 / math.pi)
NANOMETRES = Unit("nm", "nm")
FRACTION = Unit("", "")


@dataclass(frozen=True)
class Kind:
    """A kind of observable.

    Attributes:
        name: The configuration key that defines one.
        unit: The unit of its bins, states, tables and figures.
        limits: The least and the greatest value that it can have.
        span: The range of its bins by default.
        bin_width: The width of its bins by default.
        circular: Whether the limits are one and the same point.
    """

    name: str
    unit: Unit
    limits: tuple[float, float]
    span: tuple[float, float]
    bin_width: float
    circular: bool = False

    @property
    def bin_key(self) -> str:
        """The key of the width of its bins."""
        return f"bin_width{self.unit.suffix}"

    @property
    def range_key(self) -> str | None:
        """The key of the range of its bins; None for angles, whose bins cover all that there is."""
        return None if self.unit is DEGREES else f"range{self.unit.suffix}"

    def shown(self, values: np.ndarray) -> np.ndarray:
        """Return values [rad, nm or 1] in its unit, circular ones from -180 up to but not at 180."""
        low, high = self.limits
        shown = np.asarray(values, dtype=float) * self.unit.factor
        if not self.circular:
            return np.clip(shown, low, high)  # an angle of π in single precision is more than 180 degrees
        wrapped = np.mod(shown - low, high - low) + low
        return np.where(wrapped < high, wrapped, low)


_LENGTH = (0.0, math.inf)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("dihedral", DEGREES, limits=(-180.0, 180.0), span=(-180.0, 180.0), bin_width=10, circular=True),
        Kind("angle", DEGREES, limits=(0.0, 180.0), span=(0.0, 180.0), bin_width=5),
        Kind("distance", NANOMETRES, limits=_LENGTH, span=(0.0, 3.0), bin_width=0.05),
        Kind("end_to_end", NANOMETRES, limits=_LENGTH, span=(0.0, 5.0), bin_width=0.05),
        Kind("rmsd", NANOMETRES, limits=_LENGTH, span=(0.0, 1.5), bin_width=0.02),
        Kind("radius_of_gyration", NANOMETRES, limits=_LENGTH, span=(0.0, 2.0), bin_width=0.02),
        Kind("native_contacts", FRACTION, limits=(0.0, 1.0), span=(0.0, 1.0), bin_width=0.02),
    )
}
"""Every kind of observable by its name."""

_BIN_KEYS = dict.fromkeys(key for kind in KINDS.values() for key in (kind.bin_key, kind.range_key) if key)


def kind_of(observable: dict) -> Kind:
    """Return the kind of a resolved observable."""
    return next(kind for name, kind in KINDS.items() if name in observable)


def reference_files(observables: dict[str, dict]) -> list[str]:
    """Return the reference files that resolved observables name."""
    definitions = [observable[kind_of(observable).name] for observable in observables.values()]
    named = {definition["reference"] for definition in definitions if isinstance(definition, dict)}
    return sorted(named - {None})


def resolve_observables(observables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Drop what is null from observables, and fill in the bins that each kind has by default.

    Args:
        observables: The ``observables`` section of a configuration that fits the schema.

    Raises:
        InputError: If an observable is of no kind or of two, if its name is taken, or its bins do not fit it, with one line
            for each that is faulty.
    """
    resolved, faults = {}, []
    for name, observable in observables.items():
        try:
            resolved[name] = _resolve(name, {key: value for key, value in observable.items() if value is not None})
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))
    return resolved


def _resolve(name: str, observable: dict[str, Any]) -> dict[str, Any]:
    key = f"observables.{name}"
    if name in _TAKEN_NAMES:
        raise InputError(f"{key} is called as a column that tables have anyway; give it another name.")
    kinds = [kind for kind in KINDS if kind in observable]
    if not kinds:
        raise InputError(f"{key} has no kind; give it one of {', '.join(KINDS)}.")
    if len(kinds) > 1:
        raise InputError(f"{key} has the kinds {' and '.join(kinds)}; keep one and set the others to null.")
    kind = KINDS[kinds[0]]
    for other in _BIN_KEYS:
        if other in observable and other not in (kind.bin_key, kind.range_key):
            known = " and ".join(filter(None, (kind.bin_key, kind.range_key)))
            raise InputError(f"{key}.{other} has no effect on an observable of kind {kind.name}; give {known} instead.")
    filled = observable | {kind.bin_key: observable.get(kind.bin_key, kind.bin_width)}
    if kind.range_key:
        filled[kind.range_key] = observable.get(kind.range_key, list(kind.span))
    _check_bins(key, kind, filled)
    return filled


def _check_bins(key: str, kind: Kind, observable: dict[str, Any]) -> None:
    width, whole = observable[kind.bin_key], f"{kind.limits[1] - kind.limits[0]:g}"
    low, high = kind.span
    if kind.range_key:
        low, high = observable[kind.range_key]
        whole = f"the length of {kind.range_key} {[low, high]}"
        if low >= high:
            raise InputError(f"{key}.{kind.range_key} is {[low, high]}; give the lower end first.")
    count = (high - low) / width
    if round(count) < 1 or not math.isclose(count, round(count)):
        raise InputError(f"{key}.{kind.bin_key} is {width}; give a divisor of {whole}.")


@dataclass(frozen=True)
class Axis:
    """An observable as an axis of bins, in the unit that people read it in.

    Attributes:
        name: The observable's name.
        kind: Its kind.
        low: Where the first bin begins.
        high: Where the last bin ends.
        n_bins: The number of bins.
    """

    name: str
    kind: Kind
    low: float
    high: float
    n_bins: int

    @staticmethod
    def of(name: str, observable: dict[str, Any]) -> "Axis":
        """Return the axis of a resolved observable."""
        kind = kind_of(observable)
        low, high = observable[kind.range_key] if kind.range_key else kind.span
        return Axis(name, kind, low, high, round((high - low) / observable[kind.bin_key]))

    @property
    def column(self) -> str:
        """The name of a table's column that holds it: ``phi_deg``, ``distance_nm``, ``q``."""
        return column_of(self.name, self.kind)

    @property
    def edges(self) -> np.ndarray:
        """The edges of the bins with ``shape=(n_bins + 1,)``."""
        return np.linspace(self.low, self.high, self.n_bins + 1)

    @property
    def middles(self) -> np.ndarray:
        """The middles of the bins with ``shape=(n_bins,)``."""
        edges = self.edges
        return (edges[:-1] + edges[1:]) / 2

    @property
    def width(self) -> float:
        """The width of a bin."""
        return (self.high - self.low) / self.n_bins

    @property
    def covers_everything(self) -> bool:
        """Whether no value can lie outside the bins."""
        return (self.low, self.high) == self.kind.limits

    def bin_indices(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value [rad, nm or 1], -1 for those in none; the last bin holds its upper end too."""
        shown, edges = self.kind.shown(values), self.edges
        indices = np.searchsorted(edges, shown, side="right") - 1
        indices = np.where(shown == edges[-1], self.n_bins - 1, indices)
        return np.where(indices < self.n_bins, indices, -1)


def column_of(name: str, kind: Kind) -> str:
    """Return the name of a table's column that holds an observable in the unit that people read it in."""
    return f"{name}{kind.unit.suffix}"

"""Published free energies, and what a run has to say where they are."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .kinds import DEGREES, kind_of
from .states import check_ranges

if TYPE_CHECKING:  # the Snakefile should not wait for it
    import pandas as pd

NEAR_DEG = 15.0
"""Distance [deg] within which an extremum of a profile is taken for a published one: a bin and a half of the default width, and
less than half the distance of neighbouring extrema of backbone dihedrals."""

_FREE_ENERGY = "free_energy_kJ_per_mol"
_ERROR = "standard_error_kJ_per_mol"
_COLUMNS = ("quantity", "observable", "value_deg", _FREE_ENERGY, "label")


def check_validation(config: dict) -> None:
    """Check what a validation is held against.

    Args:
        config: The resolved configuration.

    Raises:
        InputError: If a state is not defined, a range holds nothing, or a published value is no number.
    """
    states, section = config["free_energy"]["states"], config["validation"]
    for key in ("free_energies", "cores"):
        for state in section[key]:
            if state not in states:
                raise InputError(
                    f"validation.{key} names {state!r}, which is no state; define it under free_energy.states, set it to null, "
                    f"or choose of {', '.join(states) or 'none'}."
                )
    reference = config["free_energy"]["reference_state"]
    if reference in section["free_energies"]:
        raise InputError(
            f"validation.free_energies gives {reference!r}, which is free_energy.reference_state and zero; set it to null."
        )
    for state, ranges in section["cores"].items():
        for name in ranges:
            if name not in config["observables"]:
                raise InputError(
                    f"validation.cores.{state} names {name!r}, which is no observable; "
                    f"define it under observables or choose of {', '.join(config['observables'])}."
                )
        check_ranges(f"validation.cores.{state}", ranges, config["observables"])
    read_published(config["figures"]["published"], section["free_energies"], profiles_of(config))


def profiles_of(config: dict) -> list[str]:
    """Return the angles whose free energies a run gives one by one, along which there can be published values."""
    single = [axes[0] for axes in config["free_energy"]["surfaces"] if len(axes) == 1]
    return [name for name in single if kind_of(config["observables"][name]).unit == DEGREES]


def cores_of(config: dict) -> dict[str, dict[str, list[float]]]:
    """Return for every state but the reference the ranges that a frame must lie in to have reached it."""
    cores = config["free_energy"]["states"] | config["validation"]["cores"]
    return {state: ranges for state, ranges in cores.items() if state != config["free_energy"]["reference_state"]}


def read_published(path: Path | None, free_energies: dict[str, float], observables: list[str]) -> "pd.DataFrame":
    """Return published values, those of states first, then those along profiles.

    Args:
        path: The file of values over angles; None if there is none.
        free_energies: Those of states [kJ/mol].
        observables: The angles along which there are profiles.

    Returns:
        A row a value: ``quantity`` (a state, or as ``phi_61``), ``observable``, ``value_deg`` and ``label`` (empty and NaN for
        states), ``free_energy_kJ_per_mol``.

    Raises:
        InputError: If a value is no number.
    """
    import pandas as pd

    rows = [(state, "", math.nan, value, "") for state, value in free_energies.items()]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    if not path or not observables:
        return table
    points = pd.read_csv(path, dtype=str, keep_default_na=False)
    points = points[points["observable"].isin(observables)].reset_index(drop=True)
    for column in ("value_deg", _FREE_ENERGY):
        numbers = pd.to_numeric(points[column], errors="coerce")
        if not np.isfinite(numbers).all():
            cell = points.loc[~np.isfinite(numbers), column].iloc[0]
            raise InputError(f"figures.published is {str(path)!r}, with {cell!r} in {column}; give a number.")
        points[column] = numbers
    points["quantity"] = [
        f"{name}_{value:g}" for name, value in zip(points["observable"], points["value_deg"], strict=True)
    ]
    points = points[list(_COLUMNS)]
    return pd.concat([table, points], ignore_index=True) if len(table) else points


def free_energy_near(profile: "pd.DataFrame", value_deg: float) -> tuple[float, float]:
    """Return the free energy of a profile's extremum next to a published one.

    It is the vertex of the parabola through the bin of the extremum and the bins to either side, above the vertex at the lowest
    bin, so that it hangs on the width and the place of bins but little. Without an extremum within ``NEAR_DEG`` it is the value of the bin that is
    nearest.

    Args:
        profile: The middles of bins [deg] in the first column, free energies and standard errors [kJ/mol].
        value_deg: The place of the published extremum [deg].

    Returns:
        The free energy and its standard error [kJ/mol], that of its bin; NaN where the profile has no sample.
    """
    middles, heights = profile.iloc[:, 0].to_numpy(), profile[_FREE_ENERGY].to_numpy()
    if not np.isfinite(heights).any():
        return math.nan, math.nan
    left, right = _neighbours(middles, heights)
    distances = np.abs(np.mod(middles - value_deg + 180, 360) - 180)
    # Two bins of the same height share an extremum that lies between them.
    extremal = ((heights - left) * (heights - right) >= 0) & (left + right != 2 * heights) & (distances <= NEAR_DEG)
    chosen = np.where(extremal, distances, np.inf).argmin() if extremal.any() else distances.argmin()
    lowest = np.nanargmin(heights)
    height = _vertex(left[chosen], heights[chosen], right[chosen]) if extremal.any() else heights[chosen]
    zero = _vertex(left[lowest], heights[lowest], right[lowest])
    return float(height - zero), float(profile[_ERROR].iloc[chosen])


def _neighbours(middles: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the bins to either side, around the circle if the bins fill it, NaN beyond an end."""
    left, right = np.roll(heights, 1), np.roll(heights, -1)
    width = np.diff(middles).min() if len(middles) > 1 else 0.0
    if not math.isclose(width * len(middles), 360, rel_tol=1e-3):
        left[0] = right[-1] = math.nan
    return left, right


def _vertex(left: float, middle: float, right: float) -> float:
    """Return the height of the extremum of a parabola through three equidistant points; the middle one where there is none."""
    curvature = left + right - 2 * middle
    if not math.isfinite(curvature) or curvature == 0 or (middle - left) * (middle - right) < 0:
        return middle
    return middle - (right - left) ** 2 / (8 * curvature)

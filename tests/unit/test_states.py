"""States: which frames lie in them, how they are described, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from mesaflow.errors import InputError
from mesaflow.states import check_ranges, describe_state, in_state, other_kinds

KINDS = {"theta": "angle", "d": "distance", "q": "native_contacts"}
OBSERVABLES = {
    "phi": {"dihedral": ["a", "b", "c", "d"]},
    "psi": {"dihedral": ["a", "b", "c", "d"]},
    "theta": {"angle": ["a", "b", "c"]},
    "d": {"distance": ["a", "b"]},
    "q": {"native_contacts": {}},
}


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({"phi": [-60, 60]}, [False, True, True, False, False]),
        ({"phi": [60, -60]}, [True, False, False, True, True]),
        ({"phi": [-60, 60], "psi": [0, 180]}, [False, False, True, False, False]),
        ({}, [True] * 5),
        ({"theta": [60, 180]}, [False, True, True, False, True]),
        ({"d": [0.3, 0.5]}, [True, True, False, False, False]),
        ({"d": [0.5, 9]}, [False, False, True, True, True]),
        ({"q": [0.8, 1]}, [False, True, True, False, False]),
        ({"q": [0, 0.5], "d": [1, 3]}, [False, False, False, True, True]),
    ],
)
def test_frames_in_a_state(ranges, expected):
    table = pd.DataFrame(
        {
            "phi": np.radians([-170, -59, 0, 61, 170]),
            "psi": np.radians([10, -10, 20, 30, -40]),
            "theta": np.radians([59, 61, 180, 0, 120]),
            "d": [0.3, 0.4, 0.5, 1.0, 2.0],
            "q": [0.7, 0.9, 1.0, 0.1, 0.49],
        }
    )
    np.testing.assert_array_equal(in_state(table, ranges, KINDS), expected)


def test_adjacent_states_share_no_frame_and_miss_none():
    angles = np.radians(np.random.default_rng(0).uniform(-180, 180, 1000))
    table = pd.DataFrame({"phi": np.concatenate([angles, [0.0, np.pi / 2]])})
    states = [{"phi": [-180, 0]}, {"phi": [0, 90]}, {"phi": [90, -180]}]
    assert (sum(in_state(table, ranges, {}).astype(int) for ranges in states) == 1).all()


def test_adjacent_states_of_an_angle_share_no_frame_and_miss_none():
    angles = np.random.default_rng(0).uniform(0, np.pi, 1000)
    table = pd.DataFrame({"theta": np.concatenate([angles, [0.0, np.pi / 2, np.pi, float(np.float32(np.pi))]])})
    states = [{"theta": [0, 90]}, {"theta": [90, 180]}]
    assert (sum(in_state(table, ranges, KINDS).astype(int) for ranges in states) == 1).all()


@pytest.mark.parametrize("angle", [np.pi, float(np.float32(np.pi)), -float(np.float32(np.pi)), -np.nextafter(np.pi, 4)])
def test_a_frame_at_180_degrees_is_in_a_state_that_ends_or_begins_there(angle):
    table = pd.DataFrame({"phi": [angle]})
    inside = [in_state(table, ranges, {})[0] for ranges in ({"phi": [-180, 0]}, {"phi": [0, 180]})]
    assert sum(inside) == 1


def test_state_in_words():
    ranges = {"phi": [-180, 0], "psi": [62.5, -40]}
    assert describe_state(ranges, {}) == "phi from -180 to 0 deg and psi from 62.5 to -40 deg"
    ranges = {"d": [0.2, 0.35], "q": [0.8, 1], "theta": [90, 180]}
    assert describe_state(ranges, KINDS) == "d from 0.2 to 0.35 nm and q from 0.8 to 1 and theta from 90 to 180 deg"


def test_only_kinds_that_are_no_dihedrals_are_named():
    states = {"A": {"phi": [0, 90]}, "B": {"d": [0, 1], "psi": [0, 90]}}
    assert other_kinds(states, OBSERVABLES) == {"d": "distance"}
    assert other_kinds({"A": states["A"]}, OBSERVABLES) == {}


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"phi": [-200, 0]}, r"S.phi is \[-200, 0\]; give values from -180 to 180 deg"),
        ({"theta": [-10, 90]}, r"S.theta is \[-10, 90\]; give values from 0 to 180 deg"),
        (
            {"theta": [90, 10]},
            r"S.theta is \[90, 10\], and only dihedrals go around a circle; give the lower end first",
        ),
        ({"d": [-0.1, 1]}, r"S.d is \[-0.1, 1\]; give values of at least 0 nm"),
        ({"d": [1, 0.5]}, r"S.d is \[1, 0.5\], and only dihedrals go around"),
        ({"q": [0.5, 1.5]}, r"S.q is \[0.5, 1.5\]; give values from 0 to 1\."),
        ({"phi": [10, 10]}, r"S.phi is \[10, 10\], which holds nothing; give two different ends"),
    ],
)
def test_ranges_that_hold_nothing_are_refused(ranges, message):
    with pytest.raises(InputError, match=message):
        check_ranges("S", ranges, OBSERVABLES)


@pytest.mark.parametrize("ranges", [{"phi": [90, -90]}, {"theta": [0, 180]}, {"d": [0, 50]}, {"q": [0, 1]}])
def test_ranges_that_hold_something_are_accepted(ranges):
    check_ranges("S", ranges, OBSERVABLES)

"""Kinds of observables, their defaults and their bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow.errors import InputError
from mesaflow.kinds import KINDS, Axis, kind_of, reference_files, resolve_observables

DEFINITIONS = {
    "dihedral": ["a", "b", "c", "d"],
    "angle": ["a", "b", "c"],
    "distance": ["a", "b"],
    "end_to_end": "a",
    "rmsd": {"atoms": "a", "reference": None, "align": None},
    "radius_of_gyration": "a",
    "native_contacts": {"atoms": "a", "reference": "native.pdb"},
}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def axis_of(kind: str, **bins) -> Axis:
    (observable,) = resolve_observables({"x": {kind: DEFINITIONS[kind]} | bins}).values()
    return Axis.of("x", observable)


def internal(kind: str, values: np.ndarray) -> np.ndarray:
    """Values in the unit that people read, in that of the package."""
    return np.asarray(values, dtype=float) / KINDS[kind].unit.factor


def test_a_dihedral_means_what_it_always_did():
    observable = {"dihedral": DEFINITIONS["dihedral"], "bin_width_deg": 10}
    assert resolve_observables({"phi": observable})["phi"] == observable
    assert resolve_observables({"phi": {"dihedral": DEFINITIONS["dihedral"]}})["phi"] == observable


@kinds
def test_defaults_fit_the_kind(kind):
    resolved = resolve_observables({"x": {kind.name: DEFINITIONS[kind.name]}})["x"]
    assert kind_of(resolved) is kind
    expected = {kind.name, kind.bin_key} | ({kind.range_key} if kind.range_key else set())
    assert resolved.keys() == expected
    axis = Axis.of("x", resolved)
    assert axis.low == kind.span[0] and axis.high == kind.span[1]
    assert axis.width == pytest.approx(kind.bin_width)
    assert 20 <= axis.n_bins <= 200


@kinds
def test_the_schema_tells_the_defaults(kind, schema):
    described = schema["properties"]["observables"]["additionalProperties"]["properties"]
    assert kind.name in described
    assert f"{kind.bin_width:g}" in described[kind.bin_key]["description"]
    if kind.range_key:
        low, high = kind.span
        assert f"[{low:g}, {high:g}]" in described[kind.range_key]["description"]


@kinds
def test_columns_say_the_unit(kind):
    assert axis_of(kind.name).column == {"deg": "x_deg", "nm": "x_nm", "": "x"}[kind.unit.word]


def test_null_takes_a_kind_away():
    observables = {"phi": {"dihedral": None, "bin_width_deg": None, "distance": ["a", "b"], "rmsd": None}}
    assert resolve_observables(observables)["phi"].keys() == {"distance", "bin_width_nm", "range_nm"}


def test_reference_files_are_found():
    observables = resolve_observables({kind.replace("_", ""): {kind: DEFINITIONS[kind]} for kind in KINDS})
    assert reference_files(observables) == ["native.pdb"]


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        ({}, "observables.x has no kind; give it one of dihedral, angle, distance"),
        ({"bin_width_nm": 0.1}, "observables.x has no kind"),
        (
            {"dihedral": DEFINITIONS["dihedral"], "distance": ["a", "b"]},
            "observables.x has the kinds dihedral and distance; keep one and set the others to null",
        ),
        (
            {"distance": ["a", "b"], "bin_width_deg": 10},
            "observables.x.bin_width_deg has no effect on an observable of kind distance; give bin_width_nm and range_nm",
        ),
        (
            {"dihedral": DEFINITIONS["dihedral"], "range_nm": [0, 1]},
            "observables.x.range_nm has no effect on an observable of kind dihedral; give bin_width_deg instead",
        ),
        ({"angle": ["a", "b", "c"], "bin_width_deg": 7}, "observables.x.bin_width_deg is 7; give a divisor of 180"),
        (
            {"distance": ["a", "b"], "range_nm": [0, 1], "bin_width_nm": 0.3},
            r"observables.x.bin_width_nm is 0.3; give a divisor of the length of range_nm \[0, 1\]",
        ),
        (
            {"distance": ["a", "b"], "bin_width_nm": 4},
            r"observables.x.bin_width_nm is 4; give a divisor of the length of range_nm \[0.0, 3.0\]",
        ),
        ({"distance": ["a", "b"], "range_nm": [1, 1]}, r"observables.x.range_nm is \[1, 1\]; give the lower end first"),
        ({"end_to_end": "a", "range_nm": [2, 1]}, r"observables.x.range_nm is \[2, 1\]; give the lower end first"),
    ],
)
def test_faults_are_told(observable, message):
    with pytest.raises(InputError, match=message):
        resolve_observables({"x": observable})


@pytest.mark.parametrize("name", ["frame", "trajectory", "kind"])
def test_names_of_other_columns_are_taken(name):
    with pytest.raises(InputError, match=f"observables.{name} is called as a column"):
        resolve_observables({name: {"distance": ["a", "b"]}})


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError) as error:
        resolve_observables({"x": {}, "y": {}})
    assert len(str(error.value).split("\n")) == 2


def test_bins_go_around_the_circle():
    axis = axis_of("dihedral")
    assert axis.n_bins == 36 and axis.width == 10
    np.testing.assert_allclose(axis.edges, np.arange(-180, 181, 10))


@pytest.mark.parametrize(
    ("degrees", "index"),
    [(-180, 0), (-175, 0), (-165, 1), (-5, 17), (5, 18), (179.9, 35), (180, 0), (195, 1), (-185, 35)],
)
def test_bin_of_a_dihedral(degrees, index):
    assert axis_of("dihedral").bin_indices(np.radians([degrees])) == index


@pytest.mark.parametrize("pi", [np.pi, float(np.float32(np.pi))])
def test_a_straight_angle_lies_in_the_last_bin(pi):
    assert axis_of("angle").bin_indices(np.array([pi])) == 35


@pytest.mark.parametrize(
    ("value", "index"), [(0.2, 0), (0.25, 0), (0.31, 1), (1.0, 7), (0.19, -1), (1.01, -1), (9.0, -1)]
)
def test_bin_of_a_length(value, index):
    assert axis_of("distance", range_nm=[0.2, 1.0], bin_width_nm=0.1).bin_indices(np.array([value])) == index


@kinds
def test_middles_of_bins_lie_in_them(kind):
    axis = axis_of(kind.name)
    np.testing.assert_array_equal(axis.bin_indices(internal(kind.name, axis.middles)), np.arange(axis.n_bins))


@given(st.floats(-3.14, 3.14), st.integers(-3, 3))
def test_a_turn_changes_no_bin_of_a_dihedral(angle, turns):
    axis = axis_of("dihedral")
    index = axis.bin_indices(np.array([angle]))
    if np.abs(np.degrees(angle) - axis.edges).min() > 1e-9:  # rounding may move what lies on an edge
        assert axis.bin_indices(np.array([angle + 2 * np.pi * turns])) == index


@given(st.floats(0, 5), st.floats(0, 2), st.floats(0.1, 3), st.integers(1, 100))
def test_a_length_lies_between_the_edges_of_its_bin_or_in_none(value, low, length, n_bins):
    axis = Axis("x", KINDS["distance"], low, low + length, n_bins)
    (index,) = axis.bin_indices(np.array([value]))
    if index >= 0:
        assert axis.edges[index] <= value <= axis.edges[index + 1]
    else:
        assert value < axis.edges[0] or value > axis.edges[-1]


@pytest.mark.parametrize(
    ("kind", "expected"), [("dihedral", True), ("angle", True), ("native_contacts", True), ("rmsd", False)]
)
def test_only_lengths_can_lie_outside_the_bins_by_default(kind, expected):
    assert axis_of(kind).covers_everything == expected


def test_a_part_of_the_fraction_of_contacts_does_not_cover_it():
    axis = axis_of("native_contacts", range=[0.5, 1], bin_width=0.1)
    assert axis.n_bins == 5 and not axis.covers_everything

import numpy as np
import pandas as pd
import pytest

from mesaflow.errors import InputError
from mesaflow.published import check_validation, cores_of, free_energy_near, profiles_of, read_published
from mesaflow.settings import resolve_config

HEADER = "observable,value_deg,free_energy_kJ_per_mol,label\n"


def profile(function, width: float, low: float = -180, high: float = 180) -> pd.DataFrame:
    middles = np.arange(low + width / 2, high, width)
    heights = function(middles)
    heights = heights - np.nanmin(heights)
    errors = np.linspace(0.1, 0.2, len(middles))
    return pd.DataFrame({"phi_deg": middles, "free_energy_kJ_per_mol": heights, "standard_error_kJ_per_mol": errors})


@pytest.mark.parametrize("width", [4, 10])
@pytest.mark.parametrize("place", [-79.0, 3.0, 178.0])
def test_extrema_of_a_wave_are_found_wherever_the_bins_are(width, place):
    """A wave of 20 kJ/mol has its lowest point at ``place``, its highest half a turn away."""
    wave = profile(lambda x: -10 * np.cos(np.radians(x - place)), width)
    # Of a cosine the fourth order that a parabola leaves out is below 1e-3 of its height within a bin and a half.
    assert free_energy_near(wave, place)[0] == pytest.approx(0, abs=1e-9)
    assert free_energy_near(wave, place + 180 - 8)[0] == pytest.approx(20, abs=0.02)


def test_the_error_is_that_of_the_extremal_bin():
    wave = profile(lambda x: -10 * np.cos(np.radians(x - 5)), 10)
    bin_of_minimum = wave["free_energy_kJ_per_mol"].idxmin()
    assert free_energy_near(wave, 12)[1] == wave["standard_error_kJ_per_mol"][bin_of_minimum]


def test_without_an_extremum_nearby_it_is_the_value_there():
    slope = profile(lambda x: 0.1 * x, 10, low=0)
    assert free_energy_near(slope, 92)[0] == pytest.approx(9.0)  # the middle 95 above the middle 5
    wave = profile(lambda x: -10 * np.cos(np.radians(x)), 10)
    assert free_energy_near(wave, 86)[0] == pytest.approx(10 * (1 - np.cos(np.radians(85))), abs=0.01)


def test_ends_of_what_is_no_circle_are_no_neighbours():
    ramp = profile(lambda x: x / 10, 10, low=0, high=180)
    assert free_energy_near(ramp, 5) == (0.0, pytest.approx(0.1))


def test_places_without_samples_are_missing():
    holes = profile(lambda x: np.where(np.abs(x) < 60, np.nan, -np.cos(np.radians(x - 180))), 10)
    assert np.isnan(free_energy_near(holes, 0)[0])
    empty = holes.assign(free_energy_kJ_per_mol=np.nan)
    assert np.isnan(free_energy_near(empty, 100)).all()


def test_published_values_are_those_of_states_and_along_profiles(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(HEADER + "phi,-79,0.0,A\npsi,10,3,other\nphi,61,7.06,B\n")
    table = read_published(path, {"B": 9.04}, ["phi"])
    assert list(table["quantity"]) == ["B", "phi_-79", "phi_61"]
    assert list(table["free_energy_kJ_per_mol"]) == [9.04, 0.0, 7.06]
    assert list(table["label"]) == ["", "A", "B"]
    assert read_published(None, {}, ["phi"]).empty
    assert list(read_published(path, {}, [])["quantity"]) == []


@pytest.mark.parametrize("row", ["phi,x,1,A", "phi,1,,A", "phi,1,inf,A"])
def test_published_values_that_are_no_numbers_are_refused(tmp_path, row):
    path = tmp_path / "published.csv"
    path.write_text(f"{HEADER}phi,1,2,A\n{row}\n")
    with pytest.raises(InputError, match="give a number"):
        read_published(path, {}, ["phi"])


@pytest.fixture
def resolve(config, schema, in_repository):
    def make(**validation) -> dict:
        return resolve_config(config | {"validation": validation}, schema)

    return make


def test_the_shipped_configuration_can_be_validated(config, schema, in_repository):
    resolved = resolve_config(config, schema)
    check_validation(resolved)
    assert profiles_of(resolved) == ["phi"]
    assert cores_of(resolved) == {
        "C7ax": resolved["validation"]["cores"]["C7ax"],
        "C5": resolved["free_energy"]["states"]["C5"],
    }


def test_entries_set_to_null_are_gone(resolve):
    assert resolve(free_energies={"C7ax": None}, cores={"C7ax": None})["validation"]["cores"] == {}


@pytest.mark.parametrize(
    ("validation", "words"),
    [
        ({"free_energies": {"C7": 1}}, ("validation.free_energies names 'C7'", "C7eq, C7ax, C5")),
        ({"free_energies": {"C7eq": 1}}, ("'C7eq'", "reference_state")),
        ({"cores": {"alpha": {"phi": [0, 1]}}}, ("validation.cores names 'alpha'", "null")),
        ({"cores": {"C7ax": {"omega": [0, 1]}}}, ("validation.cores.C7ax names 'omega'", "phi, psi")),
        ({"cores": {"C7ax": {"phi": [0, 270]}}}, ("validation.cores.C7ax.phi", "from -180 to 180 deg")),
    ],
)
def test_what_nothing_can_be_held_against_is_refused(resolve, validation, words):
    with pytest.raises(InputError) as error:
        check_validation(resolve(**validation))
    assert len(str(error.value).splitlines()) == 1
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("validation", "line"),
    [
        ({"random_seeds": []}, "validation.random_seeds is [] with 0 items; give at least 1."),
        ({"random_seeds": [1, 1]}, "validation.random_seeds is [1, 1]; name each item once."),
        ({"random_seeds": [-1]}, "validation.random_seeds.0 is -1; give at least 0."),
        ({"coverage_ns": 0}, "validation.coverage_ns is 0; give more than 0."),
        ({"free_energies": {"C7ax": "9"}}, "validation.free_energies.C7ax is '9'; give a number."),
    ],
)
def test_values_out_of_bounds_are_refused(resolve, validation, line):
    with pytest.raises(InputError) as error:
        resolve(**validation)
    assert str(error.value) == line

import numpy as np
import pandas as pd

from mesaflow.coverage import axes_of, count_outside, visited_bins

DIHEDRAL = ["a", "b", "c", "d"]
OBSERVABLES = {
    "phi": {"dihedral": DIHEDRAL, "bin_width_deg": 90},
    "psi": {"dihedral": DIHEDRAL, "bin_width_deg": 120},
    "d": {"distance": ["a", "b"], "bin_width_nm": 0.5, "range_nm": [0.5, 2.0]},
}


def test_visited_bins_of_a_map():
    table = pd.DataFrame({"phi": np.radians([-175, -175, 5]), "psi": np.radians([100, 100, -100])})
    expected = np.zeros((4, 3), dtype=bool)
    expected[0, 2] = expected[2, 0] = True
    np.testing.assert_array_equal(visited_bins(table, axes_of(["phi", "psi"], OBSERVABLES)), expected)
    np.testing.assert_array_equal(visited_bins(table, axes_of(["psi"], OBSERVABLES)), [True, False, True])
    assert not visited_bins(table.iloc[:0], axes_of(["phi", "psi"], OBSERVABLES)).any()


def test_frames_outside_the_range_are_in_no_bin():
    """The last bin must not stand for what lies outside, as an index of -1 would make it."""
    table = pd.DataFrame({"d": [0.1, 0.7, 5.0], "phi": np.radians([10, 20, 30])})
    axes = axes_of(["d"], OBSERVABLES)
    np.testing.assert_array_equal(visited_bins(table, axes), [True, False, False])
    assert count_outside(table, axes) == 2
    both = axes_of(["phi", "d"], OBSERVABLES)
    assert visited_bins(table, both).sum() == 1 and visited_bins(table, both)[2, 0]
    assert count_outside(table, both) == 2
    assert count_outside(table, axes_of(["phi"], OBSERVABLES)) == 0

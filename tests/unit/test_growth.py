import numpy as np
import pandas as pd
import pytest

from mesaflow.coverage import axes_of
from mesaflow.growth import bins_after, growth_of_replicas, growth_of_stages, reached_after

OBSERVABLES = {"phi": {"dihedral": ["a", "b", "c", "d"], "bin_width_deg": 90}}
MAPS = {"phi": axes_of(["phi"], OBSERVABLES)}
CORES = {"right": {"phi": [30, 90]}, "left": {"phi": [-180, -110]}}


def frames(*degrees: float) -> pd.DataFrame:
    return pd.DataFrame({"trajectory": "t", "frame": range(len(degrees)), "phi": np.radians(degrees)})


def test_stages_add_up():
    growth = growth_of_stages([frames(-170, -100), frames(175), frames(60, -20)], [1.0, 2.5, 4.0], MAPS, CORES, {})
    assert list(growth["md_ns"]) == [1.0, 2.5, 4.0]
    assert list(growth["n_bins_visited_phi"]) == [1, 2, 4]
    assert list(growth["reached_right"]) == [False, False, True]  # 175° is positive, but no core of the state
    assert reached_after(growth) == {"right": 4.0, "left": 1.0}


def test_a_state_that_is_left_stays_reached_and_one_never_seen_is_missing():
    growth = growth_of_stages([frames(60), frames(0)], [1, 2], MAPS, CORES, {})
    after = reached_after(growth)
    assert after["right"] == 1
    assert np.isnan(after["left"])


def test_replicas_side_by_side_cost_the_sum_of_their_times():
    table = pd.concat([frames(*[-100] * 80), frames(*[-100] * 40, *[60] * 40)], ignore_index=True)
    growth = growth_of_replicas(table, 0.1, MAPS, CORES, {})
    assert len(growth) == 40
    assert growth["md_ns"].iloc[-1] == pytest.approx(16.0)
    assert reached_after(growth)["right"] == pytest.approx(8.4)  # 41 or 42 frames of both
    assert list(growth["n_bins_visited_phi"].iloc[[0, -1]]) == [1, 2]


@pytest.mark.parametrize(("md_ns", "count"), [(None, 7), (2.5, 5), (2.4, 3), (0.5, 0)])
def test_bins_are_those_of_the_last_point_by_a_time(md_ns, count):
    growth = pd.DataFrame({"md_ns": [1.0, 2.5, 4.0], "n_bins_visited_phi": [3, 5, 7]})
    assert bins_after(growth, md_ns) == {"phi": count}

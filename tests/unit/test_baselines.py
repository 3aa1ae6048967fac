import numpy as np
import pandas as pd
import pytest

from mesaflow.baselines import describe_method, spread_of_growth, summarise_baselines
from mesaflow.plotting_validation import draw_methods


def growth(times: list[float], counts: list[int], reached: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"md_ns": times, "n_bins_visited_m": counts, "reached_B": [i >= reached for i in range(len(times))]}
    )


FIRST, SECOND = growth([1, 2, 3], [10, 20, 30], 1), growth([1, 3], [0, 40], 5)


def test_the_spread_of_runs_is_told_where_all_of_them_have_points():
    spread = spread_of_growth([FIRST, SECOND, growth([2, 4], [20, 60], 0)])
    assert (spread["md_ns"].min(), spread["md_ns"].max()) == (2, 3)
    first, last = spread.iloc[0], spread.iloc[-1]
    assert (first["lowest"], first["median"], first["highest"]) == (20, 20, 20)
    assert (last["lowest"], last["median"], last["highest"]) == (30, 40, 40)


def test_a_single_point_is_a_spread_too():
    spread = spread_of_growth([growth([1.0], [7], 0)])
    assert list(spread["median"]) == [7]


def test_methods_have_a_line_a_run_and_one_in_the_summary():
    table = pd.DataFrame(
        [describe_method("a", 1, "r1", FIRST, 2.5), describe_method("a", 2, "r2", SECOND, 2.5)]
        + [describe_method("unbiased", 1, "r3", SECOND, None)]
    )
    assert list(table["n_bins_visited_m"]) == [20, 0, 40]
    assert table["reached_ns_B"][0] == 2
    assert np.isnan(table["reached_ns_B"][1])
    lines = summarise_baselines("x-baselines", table).splitlines()
    assert lines[2] == "a            10 (0 to 20) bins of m; B by 1 of 2 after 2.0 to 2.0 ns; 3.0 ns"
    assert lines[3] == "unbiased     40 (40 to 40) bins of m; B by 0 of 1; 3.0 ns"


def test_the_figure_has_a_line_and_a_band_for_each_method():
    spreads = [spread_of_growth([FIRST, SECOND]).assign(method=method) for method in ("a", "b")]
    figure = draw_methods(pd.concat(spreads))
    (axis,) = figure.axes
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    assert len(axis.collections) == 2
    assert axis.get_ylabel() == "bins visited of m"
    assert axis.lines[0].get_ydata()[-1] == pytest.approx(35)

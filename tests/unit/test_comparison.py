import numpy as np
import pandas as pd
import pytest

from mesaflow.comparison import describe_run, maps_of, states_of, tabulate_comparison
from mesaflow.plotting_comparison import draw_comparison


def line(run: str, states: dict[str, tuple[float, float]], verdict: str = "trustworthy", **settings) -> dict:
    values = [(name, *value) for name, value in {"A": (0.0, 0.0), **states}.items()]
    return describe_run(
        run,
        settings,
        rounds=pd.DataFrame(
            {
                "n_windows": [30, 20, 0],
                "md_ns_total": [2.0, 3.0, 3.0],
                "fve": [0.8, 0.9, 0.9],
                "n_bins_visited_phi_psi": [100, 200, 200],
                "converged": [False, False, True],
            }
        ),
        states=pd.DataFrame(values, columns=["state", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"]),
        diagnostics={"md_ns": 7.5, "verdict": verdict},
        costs=pd.DataFrame({"folder": [run, "other"], "wall_hours": [1.0, 0.5], "core_hours": [2.0, 0.5]}),
        reference_state="A",
    )


@pytest.fixture
def table() -> pd.DataFrame:
    return tabulate_comparison(
        [
            line("one", {"B": (9.0, 0.3)}, random_seed=1),
            line("two", {"B": (np.nan, np.nan), "C": (4.0, 0.5)}, "not yet", random_seed=2),
        ]
    )


def test_a_run_has_one_line_with_what_came_out_and_what_it_cost(table):
    assert table.iloc[0].dropna().to_dict() == {
        "run": "one",
        "random_seed": 1,
        "free_energy_kJ_per_mol_B": 9.0,
        "standard_error_kJ_per_mol_B": 0.3,
        "n_bins_visited_phi_psi": 200,
        "fve": 0.9,
        "n_rounds_with_windows": 2,
        "converged": True,
        "md_ns": 10.5,
        "wall_hours": 1.5,
        "core_hours": 2.5,
        "shared_core_hours": 0.5,
        "verdict": "trustworthy",
    }


def test_states_that_a_run_has_not_defined_are_missing_and_columns_keep_together(table):
    assert (states_of(table), maps_of(table)) == (["B", "C"], ["phi_psi"])
    assert list(table.columns[:7]) == [
        "run",
        "random_seed",
        *(f"{kind}_kJ_per_mol_{state}" for state in "BC" for kind in ("free_energy", "standard_error")),
        "n_bins_visited_phi_psi",
    ]
    assert np.isnan(table["free_energy_kJ_per_mol_C"][0])


def test_the_figure_has_a_panel_for_each_kind_of_result_and_marks_verdicts(table):
    figure = draw_comparison(table)
    labels = [axis.get_xlabel() for axis in figure.axes]
    assert labels == ["ΔF ± standard error [kJ/mol]", "bins visited", "simulated time [ns]", "core hours"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["one", "two *"]
    bars = figure.axes[2].patches
    assert [bar.get_width() for bar in bars] == [10.5, 10.5]


def test_runs_without_states_and_maps_have_the_other_panels(table):
    bare = table.drop(columns=[name for name in table if "kJ_per_mol" in name or "bins" in name])
    assert [axis.get_xlabel() for axis in draw_comparison(bare).axes] == ["simulated time [ns]", "core hours"]

import math

import numpy as np
import pandas as pd
import pytest

from mesaflow.plotting_validation import draw_validation
from mesaflow.validation import describe_seed, mean_and_error, quantities_of, summarise_validation

MIDDLES = np.arange(-175.0, 180, 10)
PUBLISHED = pd.DataFrame(
    {
        "quantity": ["B", "phi_0"],
        "observable": ["", "phi"],
        "value_deg": [math.nan, 0.0],
        "free_energy_kJ_per_mol": [9.0, 20.0],
        "label": ["", "barrier"],
    }
)


def profile(height: float = 20.0) -> pd.DataFrame:
    """A wave with its highest point at 0."""
    heights = height / 2 * (np.cos(np.radians(MIDDLES)) + 1)
    return pd.DataFrame({"phi_deg": MIDDLES, "free_energy_kJ_per_mol": heights, "standard_error_kJ_per_mol": 0.5})


def line(seed: int, value: float, error: float, verdict: str = "trustworthy", reached: bool = True) -> dict:
    growth = pd.DataFrame(
        {"md_ns": [1.0, 2.0, 3.0], "n_bins_visited_phi": [10, 20, 30], "reached_B": [False, reached, reached]}
    )
    return describe_seed(
        f"run-seed-{seed}",
        seed,
        growth=growth,
        states=pd.DataFrame(
            {
                "state": ["A", "B", "C"],
                "free_energy_kJ_per_mol": [0, value, 4.0],
                "standard_error_kJ_per_mol": [0, error, 0.1],
            }
        ),
        profiles={"phi": profile(20.0 + seed)},
        rounds=pd.DataFrame({"md_ns_total": [2.0, 3.0]}),
        diagnostics={"md_ns": 7.0, "verdict": verdict},
        costs=pd.DataFrame({"wall_hours": [0.25, 0.5], "core_hours": [0.5, 0.5]}),
        reference_state="A",
        published=PUBLISHED,
        coverage_ns=2.5,
    )


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame([line(1, 9.5, 0.25), line(2, 8.0, 0.4, "not yet"), line(3, math.nan, math.nan, reached=False)])


def test_a_line_says_what_was_reached_how_far_off_and_at_what_cost():
    described = line(1, 9.5, 0.25)
    assert {name: described[name] for name in described if not name.endswith("phi_0")} == {
        "run": "run-seed-1",
        "random_seed": 1,
        "reached_ns_B": 2.0,
        "n_bins_visited_phi": 20,
        "free_energy_kJ_per_mol_B": 9.5,
        "standard_error_kJ_per_mol_B": 0.25,
        "deviation_kJ_per_mol_B": 0.5,
        "deviation_in_errors_B": 2.0,
        "free_energy_kJ_per_mol_C": 4.0,
        "standard_error_kJ_per_mol_C": 0.1,
        "md_ns_rounds": 3.0,
        "md_ns": 10.0,
        "wall_hours": 0.75,
        "core_hours": 1.0,
        "verdict": "trustworthy",
    }
    assert described["deviation_kJ_per_mol_phi_0"] == pytest.approx(1.0, abs=0.03)
    assert described["deviation_in_errors_phi_0"] == pytest.approx(2.0, abs=0.06)


def test_the_summary_counts_the_runs(table):
    text = summarise_validation("run-validation", table, PUBLISHED, "A")
    lines = text.splitlines()
    assert lines[0] == "mesaflow validation run-validation: 3 runs, random seeds 1, 2, 3"
    assert "reached      every state by 2 of 3" in lines
    assert "             B by 2 of 3, after 2.0 ns" in lines
    assert "coverage     20 bins of phi" in lines
    (of_b,) = [text for text in lines if "B − A" in text]
    # mean of 9.5 and 8.0, spread 1.5 / √2, of which the standard error is 0.75; 2.0 and −2.5 standard errors off
    assert "mean 8.75 ± 0.75 kJ/mol (8.00 to 9.50)" in of_b
    assert "published 9, mean -0.25, farthest 1.00; 1 of 3 within 2 standard errors" in of_b
    (of_c,) = [text for text in lines if "C − A" in text]
    assert of_c.endswith("mean 4.00 ± 0.00 kJ/mol (4.00)")
    assert any(text.startswith("F(phi)       barrier at 0°: mean 22.0") for text in lines)
    assert "verdict      trustworthy in 2 of 3" in lines


def test_a_molecule_without_states_and_published_values_has_a_summary_and_a_figure(table):
    bare = table[["run", "random_seed", "md_ns", "wall_hours", "verdict"]]
    assert quantities_of(bare) == []
    text = summarise_validation("run-validation", bare, PUBLISHED[:0], "")
    assert "ΔF" not in text
    assert "reached" not in text
    growth = pd.DataFrame({"md_ns": [1.0], "random_seed": [1]})
    assert draw_validation(bare, growth, pd.DataFrame(columns=["observable"]), PUBLISHED[:0]).axes


def test_a_single_run_has_no_spread():
    mean, error = mean_and_error(pd.Series([3.0]))
    assert mean == 3.0
    assert math.isnan(error)
    assert math.isnan(mean_and_error(pd.Series([math.nan]))[0])


def test_the_figure_has_a_panel_for_each_state_map_and_profile(table):
    growth = pd.DataFrame({"md_ns": [1, 2, 1, 2], "n_bins_visited_phi": [3, 4, 3, 5], "random_seed": [1, 1, 2, 2]})
    profiles = profile().set_axis(["value_deg", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"], axis="columns")
    figure = draw_validation(table, growth, profiles.assign(random_seed=1, observable="phi"), PUBLISHED)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == [
        "ΔF of B ± 1 and 2 errors [kJ/mol]",
        "ΔF of C ± 1 and 2 errors [kJ/mol]",
        "bins visited of φ",
        "free energy [kJ/mol]",
    ]
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["verdict: not yet", "published, 9", "mean, 8.75"]
    assert [len(line.get_xdata()) for line in figure.axes[2].lines] == [2, 2]
    marks = figure.axes[3].lines[-1]
    assert (list(marks.get_xdata()), list(marks.get_ydata())) == ([0.0], [20.0])

import numpy as np
import pandas as pd

from mesaflow.convergence import CVS, tabulate_evidence
from mesaflow.plotting_convergence import draw_convergence

ROUNDS = pd.DataFrame(
    {
        "round": [1, 2, 3],
        "n_windows": [4, 4, 4],
        "new_bins_per_ns_a": [30.0, 20.0, 5.0],
        "growth_a": [0.9, 0.5, 0.2],
        f"growth_{CVS}": [0.8, 0.4, 0.1],
        "agreement": [np.nan, 0.85, 0.95],
        "lost_fraction": [0.0, 0.25, 0.5],
    }
)
THRESHOLDS = {"convergence_growth": 0.3, "convergence_correlation": 0.9, "convergence_lost_windows": 0.4}


def test_every_kind_of_evidence_has_a_panel_and_its_threshold():
    bins, growth, agreement, lost = draw_convergence(tabulate_evidence(ROUNDS, THRESHOLDS)).axes
    assert [len(axis.get_lines()) for axis in (bins, growth, agreement, lost)] == [1, 3, 2, 2]  # with the threshold
    np.testing.assert_array_equal(lost.get_lines()[0].get_ydata(), ROUNDS["lost_fraction"])
    assert [axis.get_lines()[-1].get_ydata()[0] for axis in (growth, agreement, lost)] == [0.3, 0.9, 0.4]
    assert [text.get_text() for text in growth.get_legend().get_texts()] == ["a", "pairs of CVs"]
    assert lost.get_xlabel() == "round" and all(axis.get_ylabel() for axis in (bins, growth, agreement, lost))


def test_without_maps_new_bins_are_left_out(tmp_path):
    rounds = ROUNDS.drop(columns=["new_bins_per_ns_a", "growth_a"])
    tabulate_evidence(rounds, THRESHOLDS).to_csv(tmp_path / "table.csv", index=False)
    bins, growth, *_ = draw_convergence(pd.read_csv(tmp_path / "table.csv")).axes
    assert len(bins.get_lines()) == 0 and len(growth.get_lines()) == 2

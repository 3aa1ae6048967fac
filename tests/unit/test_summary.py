import numpy as np
import pandas as pd
import pytest

from mesaflow.summary import summarise


@pytest.fixture
def rounds() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "round": [1, 2, 3],
            "n_windows": [15, 10, 0],
            "n_failed_windows": [1, 1, 0],
            "md_ns_total": [2.3, 3.3, 3.3],
            "fve": [0.9, 0.91, 0.91],
            "n_bins_visited_phi_psi": [300, 410, 412],
            "n_bins_visited_chi": [30, 36, 36],
            "converged": [False, False, True],
        }
    )


@pytest.fixture
def states() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": ["C7eq", "C7ax", "C5"],
            "definition": ["phi from -180 to 0 deg", "phi from 0 to 180 deg", "phi from -180 to -110 deg"],
            "free_energy_kJ_per_mol": [0.0, 9.04, np.nan],
            "standard_error_kJ_per_mol": [0.0, 0.36, np.nan],
        }
    )


@pytest.fixture
def diagnostics() -> dict:
    return {"md_ns": 24.0, "n_failed_windows": 3, "verdict": "trustworthy", "reasons": [], "notes": []}


@pytest.fixture
def costs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "folder": ["adp", "adp", "shared-seed"],
            "rule": ["run_windows", "train_autoencoder", "seed_unbiased"],
            "wall_hours": [1.25, 0.5, 0.25],
            "core_hours": [1.25, 1.0, 0.25],
        }
    )


def words_after(text: str, label: str) -> list[str]:
    return [line.removeprefix(label).strip() for line in text.split("\n") if line.startswith(label)]


def test_summary_counts_rounds_and_time(rounds, states, diagnostics, costs):
    text = summarise("adp", rounds, states, diagnostics, "C7eq", costs)
    assert text.startswith("mesaflow run adp\n") and text.endswith("\n")
    assert words_after(text, "rounds") == ["2 with windows, converged"]
    simulated = "3.3 ns in seeds and rounds, 24.0 ns in production; 5 windows failed"
    assert words_after(text, "simulated") == [simulated]
    assert words_after(text, "coverage") == ["412 bins of phi_psi", "36 bins of chi"]
    assert words_after(text, "verdict") == ["trustworthy"]


def test_summary_says_what_the_states_are(rounds, states, diagnostics, costs):
    lines = words_after(summarise("adp", rounds, states, diagnostics, "C7eq", costs), "state")
    assert lines[1] == "C7ax: phi from 0 to 180 deg" and len(lines) == 3


def test_summary_counts_frames_outside_the_bins(rounds, states, diagnostics, costs):
    rounds["n_frames_outside_chi"] = [0, 3, 5]
    rounds["n_frames_outside_phi_psi"] = 0
    coverage = words_after(summarise("adp", rounds, states, diagnostics, "C7eq", costs), "coverage")
    assert coverage == ["412 bins of phi_psi", "36 bins of chi; 5 frames lie outside all bins"]


def test_summary_gives_free_energies_against_the_reference(rounds, states, diagnostics, costs):
    (difference, missing) = words_after(summarise("adp", rounds, states, diagnostics, "C7eq", costs), "ΔF")
    assert difference.startswith("C7ax − C7eq: 9.0 ± 0.4 kJ/mol")
    assert missing == "C5 − C7eq: not reached"


def test_run_that_has_not_converged_says_so(rounds, states, diagnostics, costs):
    text = summarise("adp", rounds.iloc[:2], states, diagnostics, "C7eq", costs)
    assert words_after(text, "rounds") == ["2 with windows, not converged"]
    assert words_after(text, "coverage")[0] == "410 bins of phi_psi"


def test_summary_says_why_the_rounds_have_converged_or_not(rounds, states, diagnostics, costs):
    rounds["convergence_reason"] = ["first", "because of this", "because of that"]
    lines = [line.strip() for line in summarise("adp", rounds, states, diagnostics, "C7eq", costs).split("\n")]
    assert lines[lines.index("rounds       2 with windows, converged") + 1] == "because of that"
    lines = [line.strip() for line in summarise("adp", rounds[:2], states, diagnostics, "C7eq", costs).split("\n")]
    assert lines[lines.index("rounds       2 with windows, not converged") + 1] == "because of this"


def test_what_was_left_out_is_noted(rounds, states, diagnostics, costs):
    text = summarise("adp", rounds, states, diagnostics | {"notes": ["2 windows are left out."]}, "C7eq", costs)
    assert words_after(text, "note") == ["2 windows are left out."]


def test_reasons_of_the_verdict_are_listed(rounds, states, diagnostics, costs):
    doubtful = diagnostics | {"verdict": "not yet", "reasons": ["first; do this.", "second; do that."]}
    lines = [line.strip() for line in summarise("adp", rounds, states, doubtful, "C7eq", costs).split("\n")]
    at = lines.index("verdict      not yet")
    assert lines[at + 1 : at + 3] == ["- first; do this.", "- second; do that."]


def test_run_without_states_and_maps(rounds, states, diagnostics, costs):
    bare = rounds.drop(columns=["n_bins_visited_phi_psi", "n_bins_visited_chi"])
    text = summarise("adp", bare, states.iloc[:0], diagnostics, "", costs)
    assert "ΔF" not in text and "coverage" not in text


def test_table_of_rounds_may_come_from_a_file(rounds, states, diagnostics, costs, tmp_path):
    rounds.to_csv(tmp_path / "rounds.csv", index=False)
    read = pd.read_csv(tmp_path / "rounds.csv")
    assert summarise("adp", read, states, diagnostics, "C7eq", costs) == summarise(
        "adp", rounds, states, diagnostics, "C7eq", costs
    )


def test_summary_adds_up_what_it_cost(rounds, states, diagnostics, costs):
    shared = words_after(summarise("adp", rounds, states, diagnostics, "C7eq", costs), "cost")
    assert shared == ["2.00 hours of jobs, 2.50 core hours, 0.25 of them shared with other runs"]
    alone = words_after(summarise("adp", rounds, states, diagnostics, "C7eq", costs.iloc[:2]), "cost")
    assert alone == ["1.75 hours of jobs, 2.25 core hours"]

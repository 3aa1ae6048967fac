from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mesaflow.costs import simulated_ns, tabulate_costs


@pytest.fixture
def benchmarks(tmp_path) -> Path:
    """Benchmark files of a run that shares its seed with ``other``."""
    times = {
        "mine/system/prepare_system.tsv": [36],
        "mine/round-1/batch-0/run_windows.tsv": [1800],
        "mine/round-1/batch-1/run_windows.tsv": [900, 900],  # a repetition
        "mine/round-2/batch-0/run_windows.tsv": [7200],  # of a round that the run has no more
        "mine/round-1/n_cvs-2/restart-0/train_autoencoder.tsv": [360],
        "mine/free_energy/estimate_free_energy.tsv": [72],
        "mine/free_energy/project_free_energy_phi.tsv": [5000],
        "mine/figures/plot_training.tsv": [5000],
        "mine/write_summary.tsv": [5000],
        "other/seed/replica-0/seed_unbiased.tsv": [180],
        "other/seed/replica-1/seed_unbiased.tsv": [180],
        "other/seed/measure_observables.tsv": [5000],
        "other/round-1/batch-0/run_windows.tsv": [5000],
    }
    for name, seconds in times.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\th:m:s\tmax_rss\n" + "".join(f"{s}\t-\t1.0\n" for s in seconds))
    return tmp_path


def test_hours_add_up_by_folder_and_rule(benchmarks):
    costs = tabulate_costs(
        benchmarks,
        "mine",
        stages=["system", "seed", "round-1"],
        shared={"seed": "other"},
        threads={"train_autoencoder": 2},
    )
    costs = costs.set_index(["folder", "rule"])
    expected = pd.DataFrame(
        {
            ("mine", "estimate_free_energy"): (1, 0.02, 0.02),
            ("mine", "prepare_system"): (1, 0.01, 0.01),
            ("mine", "run_windows"): (3, 1.0, 1.0),
            ("mine", "train_autoencoder"): (1, 0.1, 0.2),
            ("other", "seed_unbiased"): (2, 0.1, 0.1),
        },
        index=["n_jobs", "wall_hours", "core_hours"],
    ).T
    assert list(costs.index) == list(expected.index)
    np.testing.assert_allclose(costs[list(expected.columns)], expected)


def test_without_benchmark_files_there_are_no_costs(tmp_path):
    costs = tabulate_costs(tmp_path, "mine", ["system"], {}, {})
    assert list(costs.columns) == ["folder", "rule", "n_jobs", "wall_hours", "core_hours"]
    assert costs.empty and costs["core_hours"].sum() == 0


def test_simulated_time_of_each_stage():
    rounds = pd.DataFrame({"round": [1, 2, 3], "md_ns_total": [2.3, 3.8, 3.8]})
    assert simulated_ns(rounds, seed_ns=0.8, production_ns=7.2, baseline_ns=8.0) == pytest.approx(
        {"seed": 0.8, "round-1": 1.5, "round-2": 1.5, "round-3": 0.0, "production": 7.2, "unbiased": 8.0}
    )

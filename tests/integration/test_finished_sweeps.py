"""A sweep beside a finished run: what is shared is linked, rows come and go without loss, and all runs are compared."""

import filecmp
import json
from pathlib import Path

import pandas as pd
import pytest

ROWS = ("run\texploration.n_rounds", "small\t", "one\t1")
COMPARISON = "results/table/comparison.csv"
SHARED = [
    "system/topology.pdb",
    "system/system.xml",
    "system/platform.json",
    *(f"seed/replica-{i}/trajectory.dcd" for i in range(2)),
    "unbiased/replica-0/trajectory.dcd",
]


def write_table(folder: Path, *rows: str) -> None:
    (folder / "table.tsv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def swept(second_run):
    """The finished run, and the comparison of a sweep of it and of one with a single round; no figures are made."""
    project = second_run("swept")
    write_table(project.folder, *ROWS)
    project.snakemake(COMPARISON, sweep="table.tsv")
    return project


def test_a_run_of_a_sweep_has_all_results_and_shares_what_is_equal(swept, finished):
    results = swept.folder / "results"
    for name in SHARED:
        assert (results / "one" / name).is_symlink()
        assert (results / "one" / name).resolve() == (results / "small" / name).resolve()
        assert filecmp.cmp(results / "one" / name, finished.results / name, shallow=False)
    assert (results / "one" / "round-1" / "encoder.npz").is_file()
    assert not (results / "one" / "round-2").exists()


def test_the_base_of_a_sweep_is_not_made_anew(swept, finished):
    for path in finished.results.rglob("*.dcd"):
        assert (swept.results / path.relative_to(finished.results)).stat().st_mtime == path.stat().st_mtime


def test_runs_are_compared_by_what_came_out_of_each(swept):
    table = pd.read_csv(swept.folder / COMPARISON).set_index("run")
    assert list(table.index) == ["small", "one"]
    assert list(table["exploration.n_rounds"]) == [2, 1]
    for run, line in table.iterrows():
        results = swept.folder / "results" / run
        states = pd.read_csv(results / "free_energy" / "states.csv").set_index("state")
        rounds = pd.read_csv(results / "rounds.csv")
        diagnostics = json.loads((results / "free_energy" / "diagnostics.json").read_text())
        assert line["n_bins_visited_phi_psi"] == rounds["n_bins_visited_phi_psi"].iloc[-1]
        assert line["verdict"] == diagnostics["verdict"]
        for state in ("C7ax", "C5"):
            for kind in ("free_energy", "standard_error"):
                value = states.loc[state, f"{kind}_kJ_per_mol"]
                assert line[f"{kind}_kJ_per_mol_{state}"] == pytest.approx(value, nan_ok=True)
    assert table.loc["small", "shared_core_hours"] == 0
    assert 0 < table.loc["one", "shared_core_hours"] < table.loc["one", "core_hours"]


def test_rows_come_and_go_without_loss(swept):
    assert swept.planned(COMPARISON, sweep="table.tsv") == {}
    header, small, one = ROWS
    write_table(swept.folder, header, "new\t1", small, one)
    planned = swept.planned(COMPARISON, sweep="table.tsv")
    assert {path.split("/")[1] for path in planned} == {"new", "table"}
    assert {"link_system", "link_seed", "estimate_free_energy"} <= {*planned.values()}
    assert not {"prepare_system", "seed_unbiased", "run_baseline"} & {*planned.values()}
    write_table(swept.folder, header, one)
    assert swept.planned(COMPARISON, sweep="table.tsv").keys() == {COMPARISON}

"""Production by walkers that build their biases, instead of windows."""

import json

import pandas as pd

WALKERS = {"method": "opes", "opes": {"n_walkers": 2, "length_ps": 64, "build_ps": 12, "pace_ps": 0.5}}


def test_walkers_take_the_place_of_windows_and_leave_the_rounds_alone(copy_of_finished):
    project = copy_of_finished("walkers")
    surface = "results/small/free_energy/fes_phi.csv"
    planned = project.planned(surface, production=WALKERS)
    assert not [path for path in planned if "round-" in path or "encoder" in path or "relaxed" in path]
    output = project.snakemake(surface, production=WALKERS)
    assert "walker 1" in output
    for walker in (0, 1):
        samples = pd.read_parquet(project.results / "production" / f"batch-{walker}" / "samples.parquet")
        assert samples["window"].unique().tolist() == [walker]
        assert samples["time_ps"].iloc[-1] == 64
    assert len((project.results / "extension" / "windows.tsv").read_text().splitlines()) == 1
    diagnostics = json.loads((project.results / "free_energy" / "diagnostics.json").read_text())
    assert diagnostics["walkers"]["C7ax"]["numbers"] == [0, 1]
    assert diagnostics["n_samples"] == 2 * (64 - 12) / 0.5
    assert diagnostics["verdict"] == "not yet"  # nobody crosses in this time
    assert pd.read_csv(project.folder / surface)["free_energy_kJ_per_mol"].notna().any()
    assert project.planned(surface, production=WALKERS) == {}

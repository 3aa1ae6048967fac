"""What a finished run makes anew when its configuration changes."""


def test_a_finished_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.snakemake("--dry-run")
    assert finished.planned() == {}


def test_a_further_round_keeps_the_rounds_before_it(finished):
    planned = finished.planned(exploration={"n_rounds": 3})
    old = [path for path in planned if any(stage in path for stage in ("seed/", "unbiased/", "round-1", "round-2"))]
    assert old == []
    stages = ("round-3", "production")
    assert {f"results/small/{stage}/{name}" for stage in stages for name in ("encoder.npz", "windows.tsv")} <= {
        *planned
    }
    assert {"results/small/rounds.csv", "results/small/figures/latent_round-3.svg"} <= {*planned}


def test_a_setting_of_the_figures_redraws_figures_only(finished):
    rules = {*finished.planned(figures={"dpi": 90}).values()}
    assert {"plot_training", "plot_latent", "plot_free_energy"} <= rules
    assert [rule for rule in rules if not rule.startswith("plot_")] == []


def test_jobs_cut_by_time_hold_the_windows_that_fit(finished):
    target = "results/small/round-1/observables.parquet"
    for minutes, n_batches in ((1e-6, 3), (1e6, 1)):  # one of the three windows a job, or all of them
        changed = {"exploration": {"windows_per_batch": "auto"}, "cluster": {"job_minutes": minutes}}
        listed = finished.snakemake(target, "--dry-run", "--forcerun", "run_windows", **changed)
        assert listed.count("biased simulations of batch") == n_batches
        assert {*finished.planned(target, **changed).values()} == {"run_windows", "measure_observables"}


def test_other_lengths_of_jobs_change_nothing_where_windows_are_counted(finished):
    assert finished.planned(cluster={"job_minutes": 7}).keys() <= {"results/small/provenance.json"}


def test_a_longer_extension_only_adds_simulations(copy_of_finished):
    project = copy_of_finished("longer")  # six pieces in batches of four
    extension = project.results / "extension"
    whole, part = (extension / f"batch-{i}" / "samples.parquet" for i in (0, 1))
    before = whole.stat().st_mtime_ns, part.stat().st_mtime_ns
    rows = (extension / "windows.tsv").read_text().splitlines()
    project.snakemake("results/small/extension/observables.parquet", production={"extend_ns": 0.09})
    more = (extension / "windows.tsv").read_text().splitlines()
    assert (len(rows), len(more)) == (1 + 6, 1 + 9)
    assert more[: len(rows)] == rows
    assert whole.stat().st_mtime_ns == before[0]
    assert part.stat().st_mtime_ns != before[1]  # it was not full
    assert (extension / "batch-2" / "samples.parquet").exists()

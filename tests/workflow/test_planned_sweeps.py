"""A sweep: all its runs in one graph of jobs, what they share once, and faults refused before any job."""

import csv

import pytest
import yaml

ROWS = "run\trandom_seed\ttraining.n_cvs\nadp\t\t\na\t2\t\nb\t2\t3\nc\t\t3\n"
N_RUNS, N_RANDOM_SEEDS, N_REPLICAS = 4, 2, 2

FAULTS = {
    "no such table": (None, ("sweep is 'table.tsv'", "no such file", "give the path")),
    "invalid value": ("run\ttraining.n_cvs\na\t2\nb\t0\n", ("table.tsv, run b: training.n_cvs is 0", "give")),
    "another base": ("run\trandom_seed\nadp\t5\n", ("table.tsv, run adp: random_seed", "rename")),
}


@pytest.fixture
def with_table(project):
    """Write a table and return a configuration with it; None for a configuration of a table that there is not."""
    path = project.folder / "table.tsv"

    def make(text: str | None, **sections) -> dict:
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        own = {"run": "adp", "sweep": "table.tsv", "exploration": {"n_rounds": 1}}
        return own | {"seeding": {"n_replicas": N_REPLICAS}, "baseline": {"n_replicas": 1}} | sections

    return make


def test_runs_of_a_sweep_are_one_graph_and_share_what_is_equal(project, with_table):
    jobs = project.count_jobs(with_table(ROWS), "sweep")
    expected = {
        "prepare_system": 1,
        "seed_unbiased": N_RANDOM_SEEDS * N_REPLICAS,
        "run_baseline": N_RANDOM_SEEDS,
        "link_system": N_RUNS - 1 + 2,  # and into the shared seed and baseline of the second random seed
        "link_seed": (N_RUNS - 1) * N_REPLICAS,
        "link_baseline": N_RUNS - 1,
        "summarise_rounds": N_RUNS,
        "estimate_free_energy": N_RUNS,
        "record_provenance": N_RUNS,
        "write_summary": N_RUNS,
        "tabulate_sweep": 1,
        "plot_sweep": 1,
    }
    assert {rule: jobs.get(rule) for rule in expected} == expected


def test_without_the_target_only_the_base_runs(project, with_table):
    alone = project.count_jobs(with_table(ROWS))
    assert alone["write_summary"] == 1
    assert not [rule for rule in alone if rule.startswith("link_") or rule.endswith("_sweep")]


def test_a_run_of_the_sweep_can_be_asked_for_alone(project, with_table):
    jobs = project.count_jobs(with_table(ROWS), "results/c/seed/replica-0/trajectory.dcd")
    assert jobs == {"prepare_system": 1, "seed_unbiased": 1, "link_seed": 1}


@pytest.mark.parametrize(("table", "words"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_sweep_is_refused_in_one_line(project, with_table, table, words):
    error = project.refusal("sweep", config=with_table(table))
    assert all(word in error for word in words), error


def test_the_table_that_comes_with_mesaflow_can_be_planned(project, repository):
    lines = [line for line in (repository / "config" / "sweep.tsv").read_text().splitlines() if line[0] != "#"]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    jobs = project.count_jobs({"exploration": {"n_rounds": 1}}, "sweep")
    assert jobs["write_summary"] == len(rows) > 2
    assert jobs["prepare_system"] == 1
    n_seeds = len({row["random_seed"] or str(config["random_seed"]) for row in rows})
    assert jobs["seed_unbiased"] == n_seeds * config["seeding"]["n_replicas"]

"""The configured run for several random seeds: all in one graph, what they share once, faults refused before any job."""

import csv

import pytest

CONFIG = {
    "run": "adp",
    "sweep": None,
    "exploration": {"n_rounds": 1},
    "seeding": {"n_replicas": 1},
    "baseline": {"n_replicas": 1},
}
FAULTS = {
    "unknown state": ({"free_energies": {"C7": 9.04}}, ("validation.free_energies names 'C7'", "C7ax")),
    "no random seed": ({"random_seeds": []}, ("validation.random_seeds is []", "at least 1")),
}


def test_every_random_seed_is_a_run_of_one_graph(project):
    jobs = project.count_jobs(CONFIG, "validate")
    expected = {
        "prepare_system": 1,
        "seed_unbiased": 5,
        "run_baseline": 5,
        "summarise_rounds": 5,
        "estimate_free_energy": 5,
        "tabulate_growth": 5,
        "write_summary": 5,
        "record_provenance": 5,
        "tabulate_validation": 1,
        "plot_validation": 1,
    }
    assert {rule: jobs.get(rule) for rule in expected} == expected


def test_without_the_target_only_the_configured_run_is_planned(project):
    jobs = project.count_jobs(CONFIG)
    assert jobs["write_summary"] == 1
    assert not {"tabulate_growth", "tabulate_validation", "link_system"} & jobs.keys()


def test_methods_are_rounds_or_unbiased_simulations_alone(project, repository):
    lines = [line for line in (repository / "config" / "baselines.tsv").read_text().splitlines() if line[0] != "#"]
    methods = [row["run"] for row in csv.DictReader(lines, delimiter="\t")]
    assert {"mesaflow", "unbiased"} < {*methods}
    seeds = [1, 2]
    jobs = project.count_jobs(CONFIG | {"validation": {"random_seeds": seeds}}, "baselines")
    with_rounds = (len(methods) - 1) * len(seeds)
    expected = {
        "prepare_system": 1,
        "seed_unbiased": len(seeds),  # the methods start from the same simulations
        "run_baseline": 2 * len(seeds),
        "assess_round": with_rounds,
        "tabulate_growth": with_rounds,
        "tabulate_unbiased_growth": len(seeds),
        "tabulate_baselines": 1,
        "plot_baselines": 1,
    }
    assert {rule: jobs.get(rule) for rule in expected} == expected
    assert "estimate_free_energy" not in jobs


@pytest.mark.parametrize(("validation", "words"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_validation_is_refused_in_one_line(project, validation, words):
    error = project.refusal("validate", config=CONFIG | {"validation": validation})
    assert all(word in error for word in words), error

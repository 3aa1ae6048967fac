"""The graph of jobs: how many of each rule, and by how many a further round makes them more."""

import pytest

N_REPLICAS, N_RESTARTS = 2, 3


def config(n_rounds: int, n_baseline_replicas: int = 1) -> dict:
    return {
        "seeding": {"n_replicas": N_REPLICAS},
        "baseline": {"n_replicas": n_baseline_replicas},
        "training": {"n_restarts": N_RESTARTS},
        "exploration": {"n_rounds": n_rounds},
    }


@pytest.fixture(scope="module")
def jobs_of_two_rounds(project) -> dict[str, int]:
    return project.count_jobs(config(2))


def test_two_rounds_and_production_are_three_stages(jobs_of_two_rounds):
    expected = {
        "prepare_system": 1,
        "seed_unbiased": N_REPLICAS,
        "run_baseline": 1,
        "align_trajectories": 3,
        "train_autoencoder": 3 * N_RESTARTS,
        "select_encoder": 3,
        "place_windows": 3,
        "extend_windows": 1,
        "measure_observables": 6,  # the stages, the extension, the seed, the baseline
        "assess_round": 2,
        "summarise_rounds": 1,
        "estimate_free_energy": 1,
        "tabulate_convergence": 1,
        "plot_convergence": 1,
        "tabulate_latent": 3,
        "plot_latent": 3,
        "describe_cvs": 1,  # of all stages
        "plot_cv_correlations": 1,
        "plot_cv_gradients": 1,
        "morph_cvs": 1,
        "write_summary": 1,
        "all": 1,
    }
    assert {rule: jobs_of_two_rounds.get(rule) for rule in expected} == expected


def test_a_third_round_adds_its_own_jobs_and_no_others(project, jobs_of_two_rounds):
    more = project.count_jobs(config(3))
    assert more.keys() == jobs_of_two_rounds.keys()
    assert {rule: more[rule] - n for rule, n in jobs_of_two_rounds.items() if more[rule] != n} == {
        "align_trajectories": 1,
        "train_autoencoder": N_RESTARTS,
        "select_encoder": 1,
        "place_windows": 1,
        "measure_observables": 1,
        "assess_round": 1,
        "tabulate_latent": 1,
        "plot_latent": 1,
    }


def test_without_a_baseline_only_its_jobs_are_left_out(project, jobs_of_two_rounds):
    fewer = project.count_jobs(config(2, n_baseline_replicas=0))
    dropped = {rule: n - fewer.get(rule, 0) for rule, n in jobs_of_two_rounds.items() if fewer.get(rule, 0) != n}
    assert dropped == {"run_baseline": 1, "measure_observables": 1}


def test_an_open_number_of_cvs_trains_all_up_to_the_largest(project, jobs_of_two_rounds):
    training = config(2)["training"] | {"n_cvs": "auto", "max_n_cvs": 5}
    more = project.count_jobs(config(2) | {"training": training})
    assert {
        rule: more[rule] - jobs_of_two_rounds.get(rule, 0)
        for rule in more
        if more[rule] != jobs_of_two_rounds.get(rule)
    } == {
        "train_autoencoder": 2 * 4 * N_RESTARTS,
        "plot_n_cvs": 2,
    }


def test_pictures_of_the_idea_are_made_on_demand_from_the_last_training_set(project, jobs_of_two_rounds):
    own = {"learn_outline": 1, "plot_outline": 1, "measure_poses": 1, "plot_poses": 1}
    assert not own.keys() & jobs_of_two_rounds.keys()
    jobs = project.count_jobs(config(2), "illustrate")
    assert own.items() <= jobs.items()
    assert (jobs["align_trajectories"], jobs["train_autoencoder"]) == (2, N_RESTARTS)
    assert "estimate_free_energy" not in jobs


def test_decoders_of_distances_alone_make_no_morphs(project, jobs_of_two_rounds):
    training = {"n_restarts": N_RESTARTS, "invariance": "augmentation", "outputs": [{"kind": "distances"}]}
    fewer = project.count_jobs(config(2) | {"training": training})
    assert jobs_of_two_rounds.keys() - fewer.keys() == {"morph_cvs"}


def test_a_dry_run_writes_no_results(project, jobs_of_two_rounds):
    assert jobs_of_two_rounds
    assert not project.written()


def test_snakemake_lint_finds_nothing(project):
    result = project.snakemake("--lint", config={})
    assert result.returncode == 0, result.stdout + result.stderr


def test_walkers_take_the_place_of_windows_without_other_jobs(project, jobs_of_two_rounds):
    assert project.count_jobs(config(2) | {"production": {"method": "opes"}}) == jobs_of_two_rounds

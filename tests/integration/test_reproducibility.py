"""The same random seed gives the same bytes, another one other numbers."""

import json

import pytest

SEED = "seed/replica-0/trajectory.dcd"


@pytest.fixture(scope="module")
def again(empty_project):
    """The seed and the first encoder of the finished run, under another name and with one more network to choose from."""
    project = empty_project("again")
    project.snakemake("results/again/round-1/encoder.npz", run="again", training={"n_restarts": 2})
    return project.folder / "results" / "again"


def test_the_same_random_seed_gives_the_same_bytes_under_another_name(again, finished):
    for name in (SEED, "round-1/n_cvs-2/restart-0/encoder.npz"):
        assert (again / name).read_bytes() == (finished.results / name).read_bytes(), name


def test_the_network_that_explains_more_is_kept(again):
    folders = [again / "round-1" / "n_cvs-2" / f"restart-{i}" for i in range(2)]
    explained = [json.loads((folder / "training.json").read_text())["fve_validation"] for folder in folders]
    encoders = [(folder / "encoder.npz").read_bytes() for folder in folders]
    assert encoders[0] != encoders[1]
    assert (again / "round-1" / "encoder.npz").read_bytes() == encoders[explained.index(max(explained))]


def test_another_random_seed_gives_another_trajectory(empty_project, finished):
    project = empty_project("another")
    project.snakemake(f"results/small/{SEED}", random_seed=2)
    assert (project.results / SEED).read_bytes() != (finished.results / SEED).read_bytes()

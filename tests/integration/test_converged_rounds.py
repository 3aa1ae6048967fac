"""Rounds after convergence cost nothing and change nothing."""

import shutil

import pandas as pd

from mesaflow.files import read_json

TARGETS = [  # what rounds make, and what takes over from the last one
    "results/small/rounds.csv",
    "results/small/figures/latent_round-4.svg",
    "results/small/production/windows.tsv",
]
EARLY = {  # the first round fulfils every condition
    "convergence_growth": 100.0,
    "convergence_correlation": 0,
    "convergence_lost_windows": 1,
    "convergence_rounds": 1,
}


def test_rounds_after_convergence_hand_the_encoder_through(copy_of_finished):
    project = copy_of_finished("converged")  # of which the seed and the windows of the first round are kept
    (project.results / "round-1" / "assessment.json").unlink()
    shutil.rmtree(project.results / "round-2")
    shutil.rmtree(project.results / "production")
    shutil.rmtree(project.results / "extension")
    project.snakemake(*TARGETS, exploration={"n_rounds": 4, **EARLY})
    rounds = pd.read_csv(project.results / "rounds.csv")
    assert list(rounds["n_windows"]) == [3, 0, 0, 0]
    assert rounds["converged"].all()
    assert rounds["md_ns_total"].nunique() == 1
    assert rounds["convergence_reason"].nunique() == 1
    trainings = [read_json(project.results / f"round-{i}" / "training.json") for i in (1, 2, 3, 4)]
    assert [training.get("handed_through", False) for training in trainings] == [False, True, True, True]

    folders = [project.results / f"round-{i}" for i in (1, 2, 3, 4)]
    manifests = [(folder / "windows.tsv").read_text().splitlines() for folder in folders]
    assert [len(lines) for lines in manifests] == [4, 1, 1, 1]
    assert {lines[0] for lines in manifests} == {manifests[0][0]}
    assert list(project.results.glob("round-[234]/batch-*")) == []

    for name in ("encoder.npz", "decoder.npz"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1
    assert len(pd.read_csv(project.results / "production" / "windows.tsv", sep="\t")) > 1


def test_a_laxer_criterion_takes_effect_on_a_finished_run(copy_of_finished):
    project = copy_of_finished("laxer")
    project.snakemake("results/small/rounds.csv", exploration=EARLY)
    assert list(pd.read_csv(project.results / "rounds.csv")["n_windows"]) == [3, 0]
    second = project.snakemake("results/small/rounds.csv", "--dry-run", exploration=EARLY)
    assert "Nothing to be done" in second

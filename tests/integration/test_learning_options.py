"""A small run with every option of learning that the default leaves alone, from the seeds to the figures."""

import json

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from mesaflow.decoder import Decoder
from mesaflow.encoder import Encoder

TRAINING = {
    "inputs": ["positions", "dihedrals", "distances"],
    "outputs": [
        {"kind": "positions", "atom_weights": {"name CA": 2}},
        {
            "kind": "positions",
            "atoms": "resname ALA and name N CA C",
            "reference": "config/structures/alanine_dipeptide.pdb",
        },
        {"kind": "distances", "distances": "name CA N", "weight": 0.5},
    ],
    "n_cvs": "auto",
    "max_n_cvs": 4,
    "cv_layer": ["circular", "linear", "tanh", "linear"],
    "hierarchy": "separate",
    "hidden_layers": [8, 6],
    "activation": "silu",
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "learning_rate_schedule": "cosine",
    "scale_nm": "auto",
    "distance_scale_nm": "auto",
    "max_frames": 60,
    "thinning": "k_means",
    "frame_weights": "unbiased",
    "n_restarts": 2,
    "max_epochs": 3,
}
PRODUCTION = {"n_cvs": "auto", "cv_layer": "circular", "inputs": ["dihedrals"], "n_candidates": 100}


@pytest.fixture(scope="module")
def project(empty_project):
    made = empty_project("options")
    made.snakemake(training=TRAINING, production=PRODUCTION, exploration={"n_rounds": 1}, baseline={"n_replicas": 0})
    return made


@pytest.mark.parametrize("stage", ["round-1", "production"])
def test_the_number_of_cvs_is_chosen_and_carried_through(project, stage):
    training = json.loads((project.results / stage / "training.json").read_text())
    encoder, decoder = (
        kind.load(project.results / stage / f"{name}.npz")
        for kind, name in ((Encoder, "encoder"), (Decoder, "decoder"))
    )
    table = pd.read_csv(project.results / stage / "fve_by_n_cvs.csv")
    assert list(table["n_cvs"]) == [1, 2, 3, 4]
    assert table.loc[table["chosen"], "n_cvs"].tolist() == [training["n_cvs"]] == [encoder.n_cvs]
    assert training["n_cvs_reason"]
    assert training["restarts_agree"] in (True, False, None)
    assert len(training["fve_cumulative"]) == (encoder.n_cvs if encoder.n_cvs > 1 else 0)
    kinds = ("circular",) * encoder.n_cvs if stage == "production" else tuple(TRAINING["cv_layer"][: encoder.n_cvs])
    assert encoder.cv_kinds == decoder.cv_kinds == kinds
    assert decoder.hierarchy == "separate"
    windows = pd.read_csv(project.results / stage / "windows.tsv", sep="\t")
    assert [column for column in windows if column.startswith("center_")] == [
        f"center_{k + 1}" for k in range(encoder.n_cvs)
    ]
    assert matplotlib.image.imread(project.results / "figures" / f"n_cvs_{stage}.png").std() > 0.01


def test_frames_are_thinned_and_those_of_windows_weighted(project):
    with np.load(project.results / "production" / "training_set.npz", allow_pickle=False) as archive:
        selected, weight, trajectory = archive["selected"], archive["weight"], archive["trajectory"]
        n_seeds = sum("/seed/" in path for path in archive["paths"].tolist())
    assert 40 < len(selected) <= 60
    np.testing.assert_array_equal(weight[trajectory < n_seeds], 1)
    biased = weight[trajectory >= n_seeds]
    assert biased.std() > 0
    assert biased.mean() == pytest.approx(1, abs=1e-4)


def test_surfaces_over_all_chosen_cvs_are_made(project):
    n_cvs = Encoder.load(project.results / "production" / "encoder.npz").n_cvs
    for k in range(n_cvs):
        assert (project.results / "free_energy" / f"fes_cv_{k + 1}.csv").is_file()
        assert (project.results / "figures" / f"fes_cv_{k + 1}.svg").is_file()
    assert not (project.results / "free_energy" / f"fes_cv_{n_cvs + 1}.csv").exists()
    assert "Nothing to be done" in project.snakemake(
        training=TRAINING, production=PRODUCTION, exploration={"n_rounds": 1}, baseline={"n_replicas": 0}
    )

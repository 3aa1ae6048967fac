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
    "n_cvs": 3,
    "max_n_cvs": 4,
    "cv_layer": ["circular", "linear", "tanh"],
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
OPTIONS = {
    "training": TRAINING,
    "production": {
        "n_cvs": "auto",
        "cv_layer": "circular",
        "inputs": ["dihedrals"],
        "outputs": [{"kind": "dihedrals"}],
        "hidden_layers": [],
        "n_candidates": 100,
    },
    "seeding": {"length_ps": 400},  # enough held-out frames to compare restarts on
    "exploration": {"n_rounds": 1},
    "baseline": {"n_replicas": 0},
}


@pytest.fixture(scope="module")
def project(empty_project):
    made = empty_project("options")
    made.snakemake(**OPTIONS)
    return made


def load(project, stage: str) -> tuple[dict, Encoder, Decoder]:
    folder = project.results / stage
    training = json.loads((folder / "training.json").read_text())
    return training, Encoder.load(folder / "encoder.npz"), Decoder.load(folder / "decoder.npz")


def test_every_option_reaches_the_network(project):
    training, encoder, decoder = load(project, "round-1")
    assert encoder.cv_kinds == decoder.cv_kinds == tuple(TRAINING["cv_layer"])
    assert decoder.hierarchy == "separate"
    assert [len(bias) for bias in encoder.biases] == [8, 6, 4]  # a circular CV has two nodes
    assert encoder.features.positions and len(encoder.features.dihedrals) == 4 and len(encoder.features.pairs) == 21
    assert encoder.activation == "silu"
    assert encoder.scale != 0.5 != encoder.features.distance_scale
    assert training["n_cvs_reason"] == "given in the configuration"
    assert training["restarts_agree"] in (True, False)
    assert len(training["fve_cumulative"]) == 3


def test_an_open_number_of_cvs_is_chosen_and_carried_through(project):
    training, encoder, decoder = load(project, "production")
    table = pd.read_csv(project.results / "production" / "fve_by_n_cvs.csv")
    assert list(table["n_cvs"]) == [1, 2, 3, 4]
    assert table.loc[table["chosen"], "n_cvs"].tolist() == [training["n_cvs"]] == [encoder.n_cvs]
    assert encoder.cv_kinds == decoder.cv_kinds == ("circular",) * encoder.n_cvs
    assert "FVE" in training["n_cvs_reason"]
    windows = pd.read_csv(project.results / "production" / "windows.tsv", sep="\t")
    assert sum(column.startswith("center_") for column in windows) == encoder.n_cvs
    assert matplotlib.image.imread(project.results / "figures" / "n_cvs_production.png").std() > 0.01


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
    assert "Nothing to be done" in project.snakemake(**OPTIONS)

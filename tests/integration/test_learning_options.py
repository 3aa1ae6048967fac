"""A small run with options of learning, and kinds of observables, that the default leaves alone, from seeds to figures."""

import json
import shutil

import matplotlib.image
import mdtraj
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
NATIVE = "config/native.pdb"
RMSD_RANGE = (0.04, 0.16)  # nm, which leaves frames of ordinary simulations out on both sides
ENDS = ["resname ACE and name CH3", "resname NME and name C"]
BOUNDARY = 0.65  # nm, between two states
OBSERVABLES = {
    "r": {"rmsd": {"atoms": "not element H", "reference": NATIVE}, "range_nm": [*RMSD_RANGE], "bin_width_nm": 0.01},
    "g": {"radius_of_gyration": "all", "range_nm": [0.2, 0.5]},
    "theta": {"angle": ["resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]},
    "d": {"distance": ENDS},
    "e": {"end_to_end": "name CH3 or (resname NME and name C)"},
    "phi": {"bin_width_deg": 10},
}
OPTIONS = {
    "observables": OBSERVABLES,
    "coverage": {"phi_psi": None, "r_theta": ["r", "theta"]},
    "free_energy": {
        "surfaces": [["r", "g"], ["d"]],
        "states": {"C7eq": None, "C7ax": None, "C5": None, "near": {"d": [0, BOUNDARY]}, "far": {"d": [BOUNDARY, 5]}},
        "reference_state": "near",
    },
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
    shutil.copy(made.folder / "config" / "structures" / "alanine_dipeptide.pdb", made.folder / NATIVE)
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


def frames_of(project, *stages: str) -> mdtraj.Trajectory:
    """All frames of some stages, in the order in which observables are measured."""
    paths = []
    for stage in stages:
        paths += dict.fromkeys(pd.read_parquet(project.results / stage / "observables.parquet")["trajectory"])
    topology = str(project.results / "system" / "topology.pdb")
    return mdtraj.load([str(project.folder / path) for path in paths], top=topology)


def test_observables_are_measured(project):
    frames = frames_of(project, "production")
    table = pd.read_parquet(project.results / "production" / "observables.parquet")
    ends = [frames.topology.select(selection)[0] for selection in ENDS]
    distances = mdtraj.compute_distances(frames, [ends], periodic=False)[:, 0]
    np.testing.assert_allclose(table["d"], distances, rtol=1e-5)
    np.testing.assert_allclose(table["e"], distances, rtol=1e-5)
    heavy = frames.topology.select("not element H")
    native = mdtraj.load(str(project.folder / NATIVE))
    np.testing.assert_allclose(table["r"], mdtraj.rmsd(frames, native, atom_indices=heavy), atol=1e-4)
    assert table["theta"].between(np.radians(90), np.radians(140)).all()
    assert table["g"].between(0.2, 0.4).all()


def test_coverage_leaves_out_frames_outside_the_range(project):
    tables = [pd.read_parquet(project.results / stage / "observables.parquet") for stage in ("seed", "round-1")]
    inside = pd.concat(tables)["r"].between(*RMSD_RANGE)
    rounds = pd.read_csv(project.results / "rounds.csv")
    assert rounds["n_frames_outside_r_theta"].tolist() == [(~inside).sum()]
    assert 0 < (~inside).sum() < len(inside)
    bins = pd.read_csv(project.results / "figures" / "coverage_map_r_theta.csv")
    assert list(bins.columns) == ["r_nm", "theta_deg", "first_round"]
    assert len(bins) == rounds["n_bins_visited_r_theta"].item()
    assert f"{(~inside).sum()} frames lie outside all bins" in (project.results / "summary.txt").read_text()


def test_states_are_ranges_of_a_distance(project):
    states = pd.read_csv(project.results / "free_energy" / "states.csv").set_index("state")
    definitions = {"near": f"d from 0 to {BOUNDARY} nm", "far": f"d from {BOUNDARY} to 5 nm"}
    assert states["definition"].to_dict() == definitions
    tables = [pd.read_parquet(project.results / stage / "observables.parquet") for stage in ("production", "extension")]
    with np.load(project.results / "free_energy" / "weights.npz") as archive:
        near = pd.concat(tables)["d"].to_numpy()[archive["rows"]] < BOUNDARY
        populations = archive["weights"][~near].sum(), archive["weights"][near].sum()
    assert min(populations) > 0
    expected = -0.00831446 * 300 * np.log(populations[0] / populations[1])
    assert states["free_energy_kJ_per_mol"]["far"] == pytest.approx(expected, abs=1e-3)


def test_surfaces_over_lengths_have_their_unit_in_their_columns(project):
    surface = pd.read_csv(project.results / "free_energy" / "fes_r_g.csv")
    assert list(surface.columns[:2]) == ["r_nm", "g_nm"] and len(surface) == 12 * 15
    assert surface["free_energy_kJ_per_mol"].min() == pytest.approx(0, abs=1e-5)
    assert "r [nm]" in (project.results / "figures" / "fes_r_g.svg").read_text()
    assert len(pd.read_csv(project.results / "free_energy" / "fes_d.csv")) == 60


def test_another_reference_is_measured_against(project):
    reference = project.folder / NATIVE
    text = reference.read_text()
    reference.write_text(f"REMARK another file\n{text}")
    target = "results/small/seed/observables.parquet"
    assert {*project.planned(target, **OPTIONS).values()} == {"measure_observables"}
    reference.write_text(text)

"""Learning and exploring from trajectories that the run did not simulate."""

import mdtraj
import numpy as np
import pandas as pd
import pytest

from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import read_json
from mesaflow.learning import learn_cvs
from mesaflow.manifest import read_manifest

N_FRAMES = 40  # of each of the two trajectories
BOX = 3.0  # nm
TARGETS = [
    f"results/small/{name}"
    for name in ("summary.txt", "provenance.json", "figures/coverage_growth_phi_psi.csv", "figures/latent_round-1.csv")
]


@pytest.fixture(scope="module")
def learned(finished, empty_project):
    """A project that has learned, and done nothing else, from two trajectories, one of them cut by a periodic box."""
    project = empty_project("imported")
    structure = str(finished.results / "system" / "topology.pdb")
    first, second = (
        mdtraj.load(str(finished.results / "seed" / f"replica-{i}" / "trajectory.dcd"), top=structure) for i in range(2)
    )
    first.save(str(project.folder / "first.nc"))
    second.unitcell_lengths, second.unitcell_angles = np.full((N_FRAMES, 3), BOX), np.full((N_FRAMES, 3), 90.0)
    second.xyz = np.mod(second.xyz, BOX)
    second.save(str(project.folder / "second.xtc"))
    first[0].save(str(project.folder / "molecule.pdb"))
    project.snakemake("learn", **imported())
    return project


def imported() -> dict:
    names = ("first.nc", "second.xtc")
    return {
        "seeding": {"n_replicas": 0},
        "baseline": {"n_replicas": 0},
        "training": {
            "reference": "config/structures/alanine_dipeptide.pdb",
            "trajectories": [{"trajectory": name, "topology": "molecule.pdb"} for name in names],
        },
        "exploration": {"n_rounds": 1},
        "production": {"n_candidates": 40},
    }


@pytest.fixture(scope="module")
def explored(learned):
    """The same project after rounds, production and free energies, without most figures."""
    learned.snakemake(*TARGETS, **imported())
    return learned


def test_learning_ends_with_a_network_and_its_figure(learned):
    results = learned.results
    for name in ("round-1/encoder.npz", "round-1/decoder.npz", "round-1/training.json", "figures/learning.svg"):
        assert (results / name).is_file()
    assert (results / "figures" / "learning.png").is_file()


def test_the_library_learns_the_same_network(learned, small):
    training = imported()["training"] | small["training"]
    training.pop("trajectories")
    training["reference"] = str(learned.folder / training["reference"])
    paths = [learned.folder / name for name in ("first.nc", "second.xtc")]
    result = learn_cvs(paths, learned.folder / "molecule.pdb", "name CH3 C N CA", small["random_seed"], **training)
    encoder = Encoder.load(learned.results / "round-1" / "encoder.npz")
    for mine, other in zip(result.encoder.weights, encoder.weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)  # the same sums, which threads may order in another way
    assert result.fve_validation == pytest.approx(
        read_json(learned.results / "round-1" / "training.json")["fve_validation"], rel=1e-5
    )


def test_the_box_leaves_no_trace(learned):
    encoder = Encoder.load(learned.results / "round-1" / "encoder.npz")
    training_set = TrainingSet.load(learned.results / "round-1" / "training_set.npz")
    assert training_set.paths == ("first.nc", "second.xtc")
    assert training_set.n_frames == 2 * N_FRAMES
    reach = np.abs(encoder.references[0]).max()
    assert np.abs(training_set.frames).max() < reach + 0.3  # nm; a cut would throw atoms 3 nm away


def test_windows_start_from_imported_frames(explored):
    rows = read_manifest(explored.results / "round-1" / "windows.tsv")
    assert rows
    assert {row["start_trajectory"] for row in rows} <= {"first.nc", "second.xtc"}
    statuses = [
        status for path in explored.results.glob("round-1/batch-*/status.json") for status in read_json(path)["windows"]
    ]
    assert [status["outcome"] for status in statuses] == ["finished"] * len(rows)


def test_imported_frames_count_as_visited_and_cost_nothing(explored, small):
    growth = pd.read_csv(explored.results / "figures" / "coverage_growth_phi_psi.csv")
    assert growth["md_ns"].tolist() == pytest.approx(
        [0, small["exploration"]["n_windows"] * small["exploration"]["length_ps"] / 1000]
    )
    assert growth["n_bins_visited"][0] > 10
    observables = pd.read_parquet(explored.results / "seed" / "observables.parquet")
    assert observables.groupby("trajectory").size().to_dict() == {"first.nc": N_FRAMES, "second.xtc": N_FRAMES}
    latent = pd.read_csv(explored.results / "figures" / "latent_round-1.csv")
    assert latent.loc[latent["kind"] == "frame", ["phi_deg", "psi_deg"]].notna().all(axis=None)


def test_the_whole_workflow_ends_with_a_summary_and_records_its_inputs(explored):
    assert "verdict" in (explored.results / "summary.txt").read_text()
    hashes = read_json(explored.results / "provenance.json")["sha256"]
    assert {"first.nc", "second.xtc", "molecule.pdb"} <= hashes.keys()
    assert not (explored.results / "seed" / "replica-0").exists()


def test_another_trajectory_is_learned_from_anew(explored):
    sections = imported()
    del sections["training"]["trajectories"][1]
    assert explored.planned(*TARGETS, **sections)["results/small/round-1/training_set.npz"] == "align_trajectories"
    assert explored.planned(*TARGETS, **imported()) == {}

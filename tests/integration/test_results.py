"""The files of a finished run, on which other people's scripts rely."""

import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import mdtraj
import numpy as np
import openmm
import pandas as pd
import pytest
import yaml

from mesaflow.dataset import TrainingSet
from mesaflow.decoder import Decoder
from mesaflow.encoder import Encoder
from mesaflow.settings import resolve_config

N_CVS = {"round-1": 2, "round-2": 2, "production": 1}
WINDOWS_PER_BATCH = {"round-1": 2, "round-2": 2, "production": 4}
FRAMES_OF_WINDOW = {"round-1": 10, "round-2": 10, "production": 20}
LENGTH_PS, RAMP_PS = 10, 2
EXTENSION_PIECES = 6  # 0.06 ns
MD_NS_TOTAL = [0.08 + 0.03, 0.08 + 0.06]  # two seeds of 40 ps, then three windows of 10 ps a round
SURFACES = {"phi_psi": ["phi_deg", "psi_deg"], "phi": ["phi_deg"], "cv_1": ["cv_1"]}
N_BINS = {"phi_deg": 36, "psi_deg": 36, "cv_1": 20}
stages = pytest.mark.parametrize("stage", N_CVS)


def read_json(path: Path):
    return json.loads(path.read_text())


def load_windows(results: Path, stage: str) -> pd.DataFrame:
    return pd.read_csv(results / stage / "windows.tsv", sep="\t")


def load_positions(results: Path, path: str) -> np.ndarray:
    positions = mdtraj.load(str(results / path), top=str(results / "system" / "topology.pdb")).xyz
    assert np.isfinite(positions).all()
    return positions


def batches_of(results: Path, stage: str) -> list[Path]:
    return [results / stage / f"batch-{i}" for i in range(len(list((results / stage).glob("batch-*"))))]


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.results


@pytest.fixture(scope="module")
def n_atoms(results) -> int:
    return mdtraj.load_topology(str(results / "system" / "topology.pdb")).n_atoms


def test_system_can_be_loaded(results, n_atoms):
    system = openmm.XmlSerializer.deserialize((results / "system" / "system.xml").read_text())
    assert system.getNumParticles() == n_atoms == 22


@pytest.mark.parametrize(
    ("path", "n_frames"), [("seed/replica-0", 40), ("seed/replica-1", 40), ("unbiased/replica-0", 20)]
)
def test_unbiased_trajectories_have_all_frames(results, n_atoms, path, n_frames):
    assert load_positions(results, f"{path}/trajectory.dcd").shape == (n_frames, n_atoms, 3)


@stages
def test_windows_are_complete(results, stage):
    windows = load_windows(results, stage)
    centers = [f"center_{k + 1}" for k in range(N_CVS[stage])]
    assert {"window", *centers, "force_constant", "start_frame", "random_seed"} <= {*windows.columns}
    assert 2 <= len(windows) <= 8 if stage == "production" else len(windows) == 3
    assert list(windows["window"]) == list(range(len(windows)))
    assert np.isfinite(windows[[*centers, "force_constant"]]).all(axis=None)
    assert (windows["force_constant"] > 0).all()
    assert windows["random_seed"].is_unique
    for trajectory, rows in windows.groupby("start_trajectory"):
        positions = load_positions(results, Path(trajectory).relative_to("results/small"))
        assert rows["start_frame"].between(0, len(positions) - 1).all()


@stages
def test_batches_hold_a_row_a_frame_of_every_window(results, n_atoms, stage):
    seen = []
    for folder in batches_of(results, stage):
        samples = pd.read_parquet(folder / "samples.parquet")
        statuses = read_json(folder / "status.json")["windows"]
        numbers = [status["window"] for status in statuses]
        assert len(numbers) <= WINDOWS_PER_BATCH[stage]
        assert {status["outcome"] for status in statuses} == {"finished"}
        cvs = [f"cv_{k + 1}" for k in range(N_CVS[stage])]
        assert list(samples.columns) == ["window", "time_ps", *cvs, "bias_kJ_per_mol"]
        assert np.isfinite(samples).all(axis=None)
        assert samples["window"].value_counts().to_dict() == dict.fromkeys(numbers, FRAMES_OF_WINDOW[stage])
        for _, rows in samples.groupby("window"):
            np.testing.assert_allclose(rows["time_ps"], np.arange(1, len(rows) + 1) * LENGTH_PS / len(rows))
        assert load_positions(results, folder / "trajectory.dcd").shape == (len(samples), n_atoms, 3)
        seen += numbers
    assert seen == list(load_windows(results, stage)["window"])


def test_the_extension_goes_on_in_production_windows(results):
    windows, pieces = load_windows(results, "production"), load_windows(results, "extension")
    assert len(pieces) == EXTENSION_PIECES
    assert list(pieces["window"]) == list(range(len(windows), len(windows) + EXTENSION_PIECES))
    extended = windows.set_index("window").loc[pieces["extends"]].reset_index()
    for column in ("center_1", "force_constant"):
        np.testing.assert_array_equal(pieces[column], extended[column])
    assert not set(pieces["random_seed"]) & set(windows["random_seed"])
    for _, piece in pieces.iterrows():
        start = Path(piece["start_trajectory"])
        samples = pd.read_parquet(results / start.relative_to("results/small").with_name("samples.parquet"))
        assert samples["window"].iloc[piece["start_frame"]] == piece["extends"]
        assert samples["time_ps"].iloc[piece["start_frame"]] > RAMP_PS
    samples = pd.concat([pd.read_parquet(folder / "samples.parquet") for folder in batches_of(results, "extension")])
    assert samples["window"].value_counts().to_dict() == dict.fromkeys(pieces["window"], FRAMES_OF_WINDOW["production"])
    # There is no ramp: the restraint has its full force from the first frame.
    centers = pieces.set_index("window").loc[samples["window"]]
    distances = (samples["cv_1"].to_numpy() - centers["center_1"].to_numpy() + np.pi) % (2 * np.pi) - np.pi
    bias = centers["force_constant"].to_numpy() / 2 * distances**2
    np.testing.assert_allclose(samples["bias_kJ_per_mol"], bias, rtol=1e-6)


@stages
def test_samples_are_the_cvs_and_the_bias_of_their_frames(results, stage):
    encoder = Encoder.load(results / stage / "encoder.npz")
    windows = load_windows(results, stage)
    for folder in batches_of(results, stage):
        samples = pd.read_parquet(folder / "samples.parquet")
        cvs = samples[[f"cv_{k + 1}" for k in range(encoder.n_cvs)]].to_numpy()
        expected = encoder.evaluate(load_positions(results, folder / "trajectory.dcd")[:, encoder.atoms])
        np.testing.assert_allclose(encoder.displacement(cvs, expected), 0, atol=1e-3)  # DCD is in single precision
        rows = windows.iloc[samples["window"]]
        distances = encoder.displacement(cvs, rows[[f"center_{k + 1}" for k in range(encoder.n_cvs)]].to_numpy())
        bias = rows["force_constant"].to_numpy() / 2 * (distances**2).sum(axis=1)
        late = samples["time_ps"].to_numpy() > RAMP_PS
        np.testing.assert_allclose(samples["bias_kJ_per_mol"][late], bias[late], rtol=1e-6)


@stages
def test_decoder_belongs_to_the_encoder(results, stage):
    encoder, decoder = Encoder.load(results / stage / "encoder.npz"), Decoder.load(results / stage / "decoder.npz")
    training_set = TrainingSet.load(results / stage / "training_set.npz")
    decoded = decoder.decode(encoder.evaluate(training_set.frames))
    assert decoder.cv_kinds == encoder.cv_kinds
    np.testing.assert_array_equal(decoder.atoms, encoder.atoms)
    # After five epochs a network explains little, and one CV of dihedrals hardly anything, but never much less than nothing.
    explained = 1 - (decoded - training_set.frames).var(axis=0).sum() / training_set.frames.var(axis=0).sum()
    fve = read_json(results / stage / "training.json")["fve_training"]
    assert explained == pytest.approx(fve, abs=0.05)  # of all frames, not the training frames alone


@stages
def test_encoder_is_plain_arrays(results, n_atoms, stage):
    with np.load(results / stage / "encoder.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert (arrays["atoms"] < n_atoms).all()
    assert arrays["references"].shape[1:] == (len(arrays["atoms"]), 3)
    # Rounds see positions through linear CVs; production sees four dihedrals through a circular one.
    n_inputs, n_nodes = (2 * 4, 2) if stage == "production" else (3 * len(arrays["atoms"]), N_CVS[stage])
    assert list(arrays["layers"]) == [n_inputs, 8, n_nodes]
    for i, (n_in, n_out) in enumerate(zip(arrays["layers"][:-1], arrays["layers"][1:], strict=True)):
        assert arrays[f"weight_{i}"].shape == (n_out, n_in)
        assert arrays[f"bias_{i}"].shape == (n_out,)
    for name, array in arrays.items():
        assert array.dtype.kind != "f" or np.isfinite(array).all(), name


@stages
def test_training_values_are_in_range(results, stage):
    training = read_json(results / stage / "training.json")
    assert training["fve_training"] <= 1
    assert training["fve_validation"] <= 1
    assert len(training["fve_lost_per_cv"]) == N_CVS[stage]
    assert len(training["pose_variance_fraction"]) == N_CVS[stage]
    assert all(0 <= fraction <= 1 for fraction in training["pose_variance_fraction"])
    assert 1 <= len(training["loss_training"]) == len(training["loss_validation"]) <= 5
    assert all(loss > 0 for loss in training["loss_training"] + training["loss_validation"])


@stages
def test_training_set_is_finite_and_without_pickles(results, stage):
    with np.load(results / stage / "training_set.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")


def test_rounds_add_up(results):
    rounds = pd.read_csv(results / "rounds.csv")
    assert list(rounds["round"]) == [1, 2]
    assert list(rounds["n_windows"]) == [3, 3]
    assert list(rounds["n_failed_windows"]) == [0, 0]
    np.testing.assert_allclose(rounds["md_ns_total"], MD_NS_TOTAL)
    assert list(rounds["fve"]) == [
        read_json(results / f"round-{i}" / "training.json")["fve_validation"] for i in (1, 2)
    ]
    assert rounds["n_bins_visited_phi_psi"].is_monotonic_increasing
    assert rounds["n_bins_visited_phi_psi"].between(1, 36**2).all()
    assert not rounds["converged"].any()


@pytest.mark.parametrize(("name", "axes"), SURFACES.items(), ids=SURFACES)
def test_free_energies_are_known_wherever_there_are_samples(results, name, axes):
    table = pd.read_csv(results / "free_energy" / f"fes_{name}.csv")
    assert list(table.columns) == [*axes, "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"]
    middles = [np.unique(table[axis]) for axis in axes]
    assert [len(middle) for middle in middles] == [N_BINS[axis] for axis in axes]
    assert len(table) == np.prod([N_BINS[axis] for axis in axes])
    assert not table.duplicated(axes).any()
    assert table["free_energy_kJ_per_mol"].min() == pytest.approx(0, abs=1e-5)
    assert not (table["standard_error_kJ_per_mol"] < 0).any()

    with np.load(results / "free_energy" / "weights.npz") as archive:
        samples = production_samples(results).iloc[archive["rows"]]
    visited = np.zeros([len(middle) for middle in middles], dtype=bool)
    nearest = [
        np.abs(samples[[axis]].to_numpy() - middle).argmin(axis=1) for axis, middle in zip(axes, middles, strict=True)
    ]
    visited[tuple(nearest)] = True
    np.testing.assert_array_equal(np.isfinite(table["free_energy_kJ_per_mol"]), visited.ravel())


def production_samples(results: Path) -> pd.DataFrame:
    """Return the production samples with the dihedral angles [deg] of their frames, from the trajectories."""
    folders = batches_of(results, "production") + batches_of(results, "extension")
    samples = pd.concat([pd.read_parquet(folder / "samples.parquet") for folder in folders], ignore_index=True)
    topology = str(results / "system" / "topology.pdb")
    trajectory = mdtraj.load([str(folder / "trajectory.dcd") for folder in folders], top=topology)
    samples["phi_deg"] = np.degrees(mdtraj.compute_phi(trajectory, periodic=False)[1][:, 0])
    samples["psi_deg"] = np.degrees(mdtraj.compute_psi(trajectory, periodic=False)[1][:, 0])
    return samples


def test_states_and_diagnostics(results):
    states = pd.read_csv(results / "free_energy" / "states.csv")
    assert list(states.columns) == ["state", "definition", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"]
    settings = yaml.safe_load((results / "config.yaml").read_text())["free_energy"]
    assert list(states["state"]) == list(settings["states"])
    assert (states["free_energy_kJ_per_mol"][states["state"] == settings["reference_state"]] == 0).all()
    diagnostics = read_json(results / "free_energy" / "diagnostics.json")
    assert diagnostics["verdict"] in ("trustworthy", "not yet")
    assert (diagnostics["verdict"] == "trustworthy") == (diagnostics["reasons"] == [])
    assert diagnostics["states"].keys() == {*states["state"]}
    assert diagnostics["n_windows"] == len(load_windows(results, "production"))
    assert 0 < diagnostics["effective_samples"] <= diagnostics["n_samples"]


def test_provenance_and_configuration_say_what_was_run(finished, schema):
    provenance = read_json(finished.results / "provenance.json")
    assert {"git_commit", "python", "machine"} <= provenance.keys()
    assert provenance["random_seed"] == 1
    assert provenance["openmm_platform"] == "Reference"
    assert all(provenance["packages"][name] for name in ("snakemake", "openmm", "torch", "numpy"))
    assert "config/structures/alanine_dipeptide.pdb" in provenance["sha256"]
    for path, digest in provenance["sha256"].items():
        assert hashlib.sha256((finished.folder / path).read_bytes()).hexdigest() == digest
    n_ns = provenance["simulated_ns"]
    np.testing.assert_allclose(
        [n_ns[stage] for stage in ("seed", "round-1", "round-2", "unbiased")], [0.08, 0.03, 0.03, 0.02]
    )
    config = yaml.safe_load((finished.results / "config.yaml").read_text())
    assert resolve_config(config, schema) == config
    assert (config["run"], config["exploration"]["n_windows"], config["dynamics"]["temperature_K"]) == ("small", 3, 300)


def test_costs_of_all_simulations_and_networks_are_added_up(results):
    costs = pd.read_csv(results / "costs.csv")
    assert (costs["folder"] == "small").all()
    n_jobs = costs.set_index("rule")["n_jobs"]
    expected = {"prepare_system": 1, "seed_unbiased": 2, "run_baseline": 1, "train_autoencoder": 3}
    assert {rule: n_jobs[rule] for rule in expected} == expected
    assert (costs["wall_hours"] > 0).all()
    np.testing.assert_allclose(costs["core_hours"], costs["wall_hours"])  # one thread each
    assert read_json(results / "provenance.json")["costs"] == costs.to_dict("records")
    assert f"{costs['core_hours'].sum():.2f} core hours" in (results / "summary.txt").read_text()


def test_every_figure_has_its_picture_and_its_table(results):
    coverage = yaml.safe_load((results / "config.yaml").read_text())["coverage"]
    names = [
        "training",
        "convergence",
        "cv_correlations",
        "cv_gradients",
        *(f"latent_{stage}" for stage in N_CVS),
        *(f"fes_{name}" for name in SURFACES),
    ]
    names += [f"coverage_{kind}_{name}" for kind in ("map", "growth") for name in coverage]
    figures = results / "figures"
    assert sorted(path.stem for path in figures.glob("*.svg")) == sorted(names)
    for name in names:
        assert ElementTree.parse(figures / f"{name}.svg").getroot().tag.endswith("svg")
        pixels = matplotlib.image.imread(figures / f"{name}.png")
        assert min(pixels.shape[:2]) > 100
        assert pixels.std() > 0.01, f"{name}.png is blank"
        assert len(pd.read_csv(figures / f"{name}.csv")) > 0


@stages
def test_what_every_cv_means_is_tabulated(results, stage):
    cvs = range(1, N_CVS[stage] + 1)
    correlations = pd.read_csv(results / "figures" / "cv_correlations.csv").query("stage == @stage")
    kinds = {"dihedral": 4, "distance": 10, "radius_of_gyration": 1}  # of seven atoms in a row
    counts = correlations.groupby("cv")["kind"].value_counts().to_dict()
    assert counts == {(cv, kind): n for cv in cvs for kind, n in kinds.items()}
    assert {"phi ALA2", "psi ALA2", "ACE1-CH3 NME3-C"} < {*correlations["quantity"]}
    assert correlations["correlation"].between(-1, 1).all()
    gradients = pd.read_csv(results / "figures" / "cv_gradients.csv").query("stage == @stage")
    encoder = Encoder.load(results / stage / "encoder.npz")
    assert list(gradients["atom_index"]) == list(encoder.atoms) * encoder.n_cvs
    assert (gradients["rms_gradient_per_nm"] > 0).all()


@stages
def test_a_morph_is_what_the_decoder_makes_of_a_path_along_its_cv(results, stage):
    encoder, decoder = Encoder.load(results / stage / "encoder.npz"), Decoder.load(results / stage / "decoder.npz")
    folder = results / "morphs" / stage
    names = [f"cv_{k + 1}" for k in range(encoder.n_cvs)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{n}.{end}" for n in names for end in ("csv", "pdb")]
    )
    for k, name in enumerate(names):
        table = pd.read_csv(folder / f"{name}.csv")
        assert list(table.columns) == ["model", *names]
        path = table[names].to_numpy()
        steps = encoder.displacement(path[1:], path[:-1])[:, k]
        assert steps.min() > 0
        np.testing.assert_allclose(
            steps / steps.min(), np.round(steps / steps.min()), atol=0.02
        )  # some may be left out
        morph = mdtraj.load(str(folder / f"{name}.pdb"))
        assert [atom.name for atom in morph.topology.atoms] == ["CH3", "C", "N", "CA", "C", "N", "C"]
        np.testing.assert_allclose(morph.xyz, decoder.decode(path), atol=2e-4)  # PDB holds thousandths of an Å


def test_the_summary_is_printed(finished):
    summary = (finished.results / "summary.txt").read_text()
    assert read_json(finished.results / "free_energy" / "diagnostics.json")["verdict"] in summary
    assert summary in (finished.folder / "first_run.txt").read_text()


def test_no_temporary_files_are_left(finished):
    assert list((finished.results / ".restart").rglob("*")) == []
    assert list(finished.folder.joinpath("results").rglob("*.tmp")) == []

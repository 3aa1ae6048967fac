"""Learning as a library: the defaults of the schema, the seeds of the workflow, and the code in the README."""

import re
from types import SimpleNamespace

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from mesaflow import learning
from mesaflow.encoder import Encoder
from mesaflow.errors import InputError
from mesaflow.internal_coordinates import find_features
from mesaflow.learning import learn_cvs
from mesaflow.settings import resolve_training
from mesaflow.training import TrainingSettings

ATOMS = "name CH3 C N CA"
N_FRAMES = 60
QUICK = {"max_epochs": 2, "epoch_frames": 128, "n_restarts": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory, alanine_pdb):
    """A folder with traj.xtc and top.pdb: alanine dipeptide, distorted along one direction."""
    folder = tmp_path_factory.mktemp("data")
    molecule = mdtraj.load(str(alanine_pdb))
    rng = np.random.default_rng(0)
    mode = rng.normal(scale=0.02, size=molecule.xyz.shape)
    xyz = molecule.xyz + rng.permutation(np.linspace(-2, 2, N_FRAMES))[:, None, None] * mode
    mdtraj.Trajectory(xyz.astype(np.float32), molecule.topology).save(str(folder / "traj.xtc"))
    molecule.save(str(folder / "top.pdb"))
    return folder


@pytest.fixture
def trainings(monkeypatch):
    """Record the trainings instead of running them; the second of three is the best."""
    calls = []

    def train(*arguments, **keywords):
        calls.append(SimpleNamespace(arguments=arguments, **keywords))
        return SimpleNamespace(number=len(calls), fve_validation=[0.1, 0.9, 0.5][len(calls) - 1])

    monkeypatch.setattr(learning, "train", train)
    return calls


def test_a_direction_of_motion_is_found(data):
    result = learn_cvs(
        data / "traj.xtc", data / "top.pdb", ATOMS, random_seed=1, n_cvs=1, noise_nm=0, epoch_frames=1024, max_epochs=40
    )
    frames = mdtraj.load(str(data / "traj.xtc"), top=str(data / "top.pdb")).xyz
    cvs = result.encoder.evaluate(frames[:, result.encoder.atoms])[:, 0]
    atoms = frames[:, result.encoder.atoms]
    amplitude = np.linalg.norm(atoms[:, 0] - atoms[:, -1], axis=1)  # grows with the one direction
    assert abs(np.corrcoef(cvs, amplitude)[0, 1]) > 0.99
    assert result.fve_validation > 0.9


def test_whatever_is_not_given_has_the_default_of_the_schema(data, trainings):
    learn_cvs(str(data / "traj.xtc"), str(data / "top.pdb"), ATOMS, random_seed=1, n_cvs=3, n_restarts=1)
    frames, is_validation, reference, atoms, settings, _ = trainings[0].arguments
    topology = mdtraj.load_topology(str(data / "top.pdb"))
    defaults = resolve_training({"atoms": ATOMS})
    features = find_features(topology, topology.select(ATOMS), defaults)
    expected = TrainingSettings.from_config(defaults, features, settings.outputs, 3)
    assert str(settings) == str(expected)
    np.testing.assert_array_equal(atoms, topology.select(ATOMS))
    assert frames.shape == (len(is_validation), len(atoms), 3)
    assert 0 < is_validation.sum() < len(frames) < N_FRAMES  # neighbours of validation frames are not used
    assert trainings[0].weights is None


def test_the_best_of_the_restarts_is_kept(data, trainings):
    result = learn_cvs(data / "traj.xtc", data / "top.pdb", ATOMS, random_seed=1, n_restarts=3)
    assert result.number == 2
    assert len({call.arguments[5] for call in trainings}) == 3


def test_several_trajectories_are_learned_from_together(data, trainings):
    frames = mdtraj.load(str(data / "traj.xtc"), top=str(data / "top.pdb"))
    frames[:30].save(str(data / "first.dcd"))
    frames[30:].save(str(data / "second.xtc"))
    learn_cvs([data / "first.dcd", data / "second.xtc"], data / "top.pdb", ATOMS, random_seed=1, n_restarts=1)
    assert len(trainings[0].arguments[0]) > 40


def test_without_a_reference_frames_are_superposed_on_the_first(data, trainings, alanine_pdb):
    learn_cvs(data / "traj.xtc", data / "top.pdb", ATOMS, 1, n_restarts=1)
    learn_cvs(data / "traj.xtc", data / "top.pdb", ATOMS, 1, n_restarts=1, reference=str(alanine_pdb))
    topology = mdtraj.load_topology(str(alanine_pdb))
    first = mdtraj.load_frame(str(data / "traj.xtc"), 0, top=topology).xyz[0]
    given = mdtraj.load(str(alanine_pdb)).xyz[0]
    for call, positions in zip(trainings, (first, given), strict=True):
        selected = positions[topology.select(ATOMS)]
        np.testing.assert_allclose(call.arguments[2], selected - selected.mean(axis=0), atol=1e-6)


def test_the_same_seed_gives_the_same_network(data):
    first, second, other = (
        learn_cvs(data / "traj.xtc", data / "top.pdb", ATOMS, random_seed=seed, n_cvs=1, **QUICK) for seed in (1, 1, 2)
    )
    frames = np.random.default_rng(1).normal(scale=0.2, size=(5, len(first.encoder.atoms), 3))
    np.testing.assert_array_equal(first.encoder.evaluate(frames), second.encoder.evaluate(frames))
    assert not np.allclose(first.encoder.evaluate(frames), other.encoder.evaluate(frames))


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"n_cv": 2}, "n_cv is not a known key; did you mean n_cvs?"),
        ({"n_cvs": 0}, "n_cvs is 0; give a whole number from 1 to 10, or auto"),
        ({"cv_layer": ["linear"], "n_cvs": 2}, "training.cv_layer lists 1 kinds"),
        ({"validation_block_frames": 1000}, "has 60 training and 0 validation frames"),
        ({"reference": "nowhere.pdb"}, "reference is 'nowhere.pdb', and there is no such file"),
        ({"atoms": "name XX"}, "'name XX', which matches no atom"),
        ({"trajectory": "nowhere.xtc"}, "'nowhere.xtc', and there is no such file"),
    ],
)
def test_what_cannot_be_used_is_refused(data, training, message):
    arguments = {"trajectory": data / "traj.xtc", "topology": data / "top.pdb", "atoms": ATOMS, "random_seed": 1}
    with pytest.raises(InputError, match=re.escape(message)):
        learn_cvs(**arguments | training)


def test_the_code_in_the_readme_runs(data, repository, tmp_path, monkeypatch):
    section = (repository / "README.md").read_text().split("\n## From Python\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for name in ("traj.xtc", "top.pdb"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(learning, "learn_cvs", lambda *args, **keys: learn_cvs(*args, **keys, **QUICK))
    names = {}
    exec(compile(code, "README.md", "exec"), names)

    frames, encoder = names["frames"], Encoder.load(tmp_path / "encoder.npz")
    np.testing.assert_array_equal(encoder.evaluate(frames[:, encoder.atoms]), names["cvs"])
    assert names["cvs"].shape == (N_FRAMES, 2)
    unbiased = app.ForceField("amber99sb.xml").createSystem(names["structure"].topology, constraints=app.HBonds)
    energies = [potential_energy(system, frames[5]) for system in (names["system"], unbiased)]
    restraint = 50.0 * np.sum((names["cvs"][5] - names["cvs"][0]) ** 2)
    assert energies[0] - energies[1] == pytest.approx(restraint, rel=1e-3, abs=1e-3)  # float32 frames


def potential_energy(system: openmm.System, positions: np.ndarray) -> float:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)

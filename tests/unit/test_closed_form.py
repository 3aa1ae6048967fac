import mdtraj
import numpy as np
import pytest

from mesaflow.alignment import superpose
from mesaflow.checks import check_network
from mesaflow.errors import InputError
from mesaflow.learning import learn_cvs
from mesaflow.methods import check_size
from mesaflow.settings import resolve_training

N_FRAMES = 200
PCA = {"method": "pca", "hidden_layers": [], "n_cvs": 2, "n_restarts": 1, "noise_nm": 0.05}
DIHEDRALS = {
    "method": "dihedrals",
    "inputs": ["dihedrals"],
    "dihedrals": ["phi", "psi"],
    "cv_layer": "circular",
    "hidden_layers": [],
    "n_cvs": 2,
    "n_restarts": 1,
}
BACKBONE = "name CH3 C N CA"


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory, alanine_pdb):
    """Alanine dipeptide, shaken most along two directions, in random poses."""
    folder = tmp_path_factory.mktemp("data")
    molecule = mdtraj.load(str(alanine_pdb))
    rng = np.random.default_rng(0)
    modes = np.array([0.03, 0.015])[:, None, None] * rng.normal(size=(2, *molecule.xyz.shape[1:]))
    xyz = molecule.xyz + np.tensordot(rng.normal(size=(N_FRAMES, 2)), modes, 1)
    xyz += 0.002 * rng.normal(size=xyz.shape)
    rotations = np.linalg.qr(rng.normal(size=(N_FRAMES, 3, 3)))[0]
    rotations *= np.linalg.det(rotations)[:, None, None]
    frames = mdtraj.Trajectory((xyz @ rotations).astype(np.float32), molecule.topology)
    frames.save(str(folder / "traj.dcd"))
    return folder / "traj.dcd"


def learn(trajectory, alanine_pdb, settings):
    result = learn_cvs(trajectory, alanine_pdb, BACKBONE, random_seed=1, **settings)
    frames = mdtraj.load(str(trajectory), top=str(alanine_pdb))
    return result, frames


def test_principal_components_are_those_of_the_aligned_coordinates(one_thread, trajectory, alanine_pdb):
    result, frames = learn(trajectory, alanine_pdb, PCA)
    encoder = result.encoder
    cvs = encoder.evaluate(frames.xyz[:, encoder.atoms])
    aligned = superpose(frames.xyz[:, encoder.atoms], encoder.references[0]).reshape(N_FRAMES, -1)
    scores = np.linalg.svd(aligned - aligned.mean(axis=0), full_matrices=False)[0][:, :2]
    # 15 of 100 frames are for validation, so that the axes are those of a sample; two directions stand out by far.
    within = np.linalg.svd(np.linalg.qr(cvs - cvs.mean(axis=0))[0].T @ scores)[1]
    assert within.min() > 0.999
    assert cvs.std(axis=0) == pytest.approx([1, 1], abs=0.15)  # standardised
    assert len(result.loss_curve) == 1


def test_principal_components_explain_what_their_eigenvalues_say(one_thread, trajectory, alanine_pdb):
    result, frames = learn(trajectory, alanine_pdb, PCA | {"n_cvs": 4})
    atoms = result.encoder.atoms
    aligned = superpose(frames.xyz[:, atoms], result.encoder.references[0]).reshape(N_FRAMES, -1)
    eigenvalues = np.linalg.eigvalsh(np.cov(aligned.T))[::-1]
    assert result.fve_training == pytest.approx(eigenvalues[:4].sum() / eigenvalues.sum(), abs=0.03)


def test_known_dihedrals_are_the_collective_variables_themselves(one_thread, trajectory, alanine_pdb):
    result, frames = learn(trajectory, alanine_pdb, DIHEDRALS)
    cvs = result.encoder.evaluate(frames.xyz[:, result.encoder.atoms])
    measured = np.hstack([mdtraj.compute_phi(frames)[1], mdtraj.compute_psi(frames)[1]])
    difference = np.angle(np.exp(1j * (cvs - measured)))
    assert np.abs(difference).max() < 1e-4  # coordinates are stored in single precision
    assert list(result.encoder.periods) == [2 * np.pi, 2 * np.pi]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"method": "pca"}, "training.hidden_layers is [40] with training.method 'pca', which needs []"),
        (PCA | {"cv_layer": "tanh"}, "training.cv_layer is \"tanh\" with training.method 'pca'"),
        (PCA | {"invariance": "augmentation"}, "training.invariance is \"augmentation\" with training.method 'pca'"),
        (DIHEDRALS | {"inputs": ["positions"]}, "training.inputs is [\"positions\"] with training.method 'dihedrals'"),
        (DIHEDRALS | {"n_cvs": "auto"}, "training.n_cvs is 'auto' with training.method 'dihedrals'"),
    ],
)
def test_a_network_of_another_form_is_refused(settings, line):
    with pytest.raises(InputError) as error:
        resolve_training(settings | {"atoms": BACKBONE})
    assert str(error.value).startswith(line)
    assert len(str(error.value).splitlines()) == 1


def test_as_many_dihedrals_as_collective_variables_are_needed(one_thread, trajectory, alanine_pdb):
    with pytest.raises(InputError, match="training.n_cvs is 3 with training.method 'dihedrals' and 2 dihedrals"):
        learn_cvs(trajectory, alanine_pdb, BACKBONE, random_seed=1, **DIHEDRALS | {"n_cvs": 3})
    with pytest.raises(InputError, match="training.n_cvs is 5 with 4 inputs; give fewer"):
        check_size("pca", 4, 5)


def test_production_trains_an_autoencoder_whatever_the_method_of_the_rounds(config):
    training = resolve_training(config["training"] | PCA)
    check_network(config["production"] | {"outputs": []}, training, "production")

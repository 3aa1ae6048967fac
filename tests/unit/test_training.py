import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mesaflow.alignment import center, superpose
from mesaflow.encoder import Encoder
from mesaflow.errors import InputError
from mesaflow.features import Features
from mesaflow.training import TrainingResult, TrainingSettings, pose_variance_fraction, random_rotation_matrices, train

ATOMS = np.array([2, 3, 5, 7, 11])
QUICK = TrainingSettings(
    hidden_layers=[16],
    cv_kinds=("linear", "linear"),
    scale=0.1,
    noise=0.0,
    batch_size=64,
    epoch_frames=1200,
    max_epochs=80,
    learning_rate=0.02,
)


def chain(torsions: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """Five atoms [nm] in a chain with one torsion [rad] that turns far and one angle [rad] that bends a little."""
    frames = np.zeros((len(torsions), 5, 3))
    frames[:, 0] = [-0.15, 0.1, 0]
    frames[:, 1] = [-0.1, 0, 0]
    frames[:, 3] = [0.1, 0, 0]
    turned = np.column_stack([np.cos(torsions), np.sin(torsions)])
    frames[:, 3, 1:] += 0.02 * turned
    frames[:, 4, 0] = 0.15 + 0.1 * np.sin(bends)
    frames[:, 4, 1:] = 0.12 * np.cos(bends)[:, None] * turned
    return frames


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    return center(chain(np.zeros(1), np.zeros(1))[0])


@pytest.fixture(scope="module")
def conformations(reference) -> np.ndarray:
    rng = np.random.default_rng(0)
    return superpose(chain(rng.uniform(-1.5, 1.5, 600), rng.normal(scale=0.1, size=600)), reference)


@pytest.fixture(scope="module")
def is_validation() -> np.ndarray:
    return np.arange(600) % 100 >= 80


@pytest.fixture(scope="module")
def fit(conformations, is_validation, reference):
    def train_on_the_chain(settings: TrainingSettings = QUICK, random_seed: int = 1, **options) -> TrainingResult:
        return train(conformations[None], is_validation, reference[None], ATOMS, settings, random_seed, **options)

    return train_on_the_chain


@pytest.fixture(scope="module")
def trained(fit) -> TrainingResult:
    return fit()


@pytest.fixture(scope="module")
def plain(fit) -> TrainingResult:
    """A plain autoencoder, which has to encode the pose."""
    return fit(replace(QUICK, invariance="none", max_epochs=20))


def assert_same_network(first: Encoder, second: Encoder) -> None:
    for a, b in zip((*first.weights, *first.biases), (*second.weights, *second.biases), strict=True):
        assert a.tobytes() == b.tobytes()


def test_two_cvs_explain_a_chain_with_two_degrees_of_freedom(trained):
    assert trained.fve_training > 0.97
    assert trained.fve_validation > 0.97


def test_one_cv_explains_less_than_two(fit, trained):
    one = fit(replace(QUICK, cv_kinds=("linear",)))
    assert 0.7 < one.fve_validation < trained.fve_validation - 0.1


def test_every_cv_carries_something(trained):
    assert len(trained.fve_lost_per_cv) == 2
    assert min(trained.fve_lost_per_cv) > 0.01


def test_first_cv_follows_the_torsion(trained, conformations):
    rng = np.random.default_rng(0)
    torsions = rng.uniform(-1.5, 1.5, 600)
    assert abs(np.corrcoef(trained.encoder.evaluate(conformations)[:, 0], torsions)[0, 1]) > 0.99


def test_linear_cvs_are_white_on_the_training_frames(trained, conformations, is_validation):
    cvs = trained.encoder.evaluate(conformations[~is_validation])
    np.testing.assert_allclose(cvs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(cvs, rowvar=False), np.eye(2), atol=1e-4)


@pytest.mark.parametrize(("kind", "largest"), [("tanh", 1), ("circular", np.pi)])
def test_other_cvs_explain_the_torsion_within_their_range(fit, conformations, kind, largest):
    result = fit(replace(QUICK, cv_kinds=(kind,), learning_rate=0.005, max_epochs=40, scale=0.5))
    assert result.fve_validation > 0.7
    assert np.abs(result.encoder.evaluate(conformations)).max() <= largest


def test_alignment_leaves_no_variance_to_the_pose(trained):
    assert max(trained.pose_variance_fraction) < 1e-12


def test_plain_autoencoder_leaves_much_variance_to_the_pose(plain):
    assert min(plain.pose_variance_fraction) > 0.9


def test_augmentation_frees_a_cv_from_the_pose_but_not_exactly(fit):
    augmented = fit(replace(QUICK, invariance="augmentation", hidden_layers=[40]))
    assert 0.001 < min(augmented.pose_variance_fraction) < 0.3
    assert not augmented.encoder.superposes


def test_encoder_superposes_only_for_alignment(trained, plain, reference):
    assert trained.encoder.superposes and not plain.encoder.superposes
    np.testing.assert_array_equal(trained.encoder.references, reference[None])
    np.testing.assert_array_equal(trained.encoder.atoms, ATOMS)
    assert trained.encoder.scale == QUICK.scale


@pytest.mark.parametrize("invariance", ["alignment", "augmentation", "none"])
def test_random_seed_decides_the_weights(fit, invariance):
    settings = replace(QUICK, invariance=invariance, noise=0.02, max_epochs=2)
    first, again, other = fit(settings, 1), fit(settings, 1), fit(settings, 2)
    assert_same_network(first.encoder, again.encoder)
    np.testing.assert_array_equal(first.loss_curve, again.loss_curve)
    assert np.abs(first.encoder.weights[0] - other.encoder.weights[0]).max() > 0.01


def test_random_state_of_the_caller_does_not_matter(fit):
    settings = replace(QUICK, max_epochs=2)
    torch.manual_seed(5)
    first = fit(settings)
    torch.manual_seed(6)
    np.random.seed(6)  # noqa: NPY002
    assert_same_network(first.encoder, fit(settings).encoder)


def test_training_frames_are_not_changed(conformations, fit):
    before = conformations.copy()
    fit(replace(QUICK, noise=0.05, max_epochs=1))
    np.testing.assert_array_equal(conformations, before)


def test_several_references_share_one_encoder(conformations, is_validation, reference):
    references = np.stack([reference, superpose(chain(np.array([1.5]), np.zeros(1)), reference)[0]])
    aligned = np.stack([superpose(conformations, target) for target in references])
    result = train(aligned, is_validation, references, ATOMS, QUICK, 1)
    assert result.fve_validation > 0.95
    assert result.encoder.references.shape == (2, 5, 3)
    assert result.encoder.n_cvs == 2


def test_loss_goes_down(trained):
    assert trained.loss_curve.shape[1] == 2
    assert trained.best_epoch == np.argmin(trained.loss_curve[:, 1]) + 1
    assert trained.loss_curve[trained.best_epoch - 1, 1] < 0.1 * trained.loss_curve[0, 1]


def test_weights_of_the_best_epoch_are_kept(fit):
    settings = replace(QUICK, learning_rate=0.15, max_epochs=12)
    losses = fit(settings).loss_curve[:, 1]
    n_epochs = 2 + np.flatnonzero(losses[1:] > np.minimum.accumulate(losses)[:-1])[-1]  # ends with a worse epoch
    result = fit(replace(settings, max_epochs=n_epochs))
    assert result.best_epoch < n_epochs
    stopped_there = fit(replace(settings, max_epochs=result.best_epoch))
    assert_same_network(result.encoder, stopped_there.encoder)
    assert result.fve_validation == stopped_there.fve_validation


def test_training_stops_when_nothing_gets_better(fit):
    epochs = []
    settings = replace(QUICK, learning_rate=1e-30, patience=4)
    result = fit(settings, on_epoch=lambda: epochs.append(None))
    assert result.best_epoch == 1
    assert len(result.loss_curve) == len(epochs) == 5


def test_summary_is_plain_json(trained):
    summary = json.loads(json.dumps(trained.summary()))
    assert summary["fve_validation"] == trained.fve_validation
    assert summary["loss_validation"] == trained.loss_curve[:, 1].tolist()
    assert len(summary["pose_variance_fraction"]) == len(summary["fve_lost_per_cv"]) == 2


@pytest.mark.parametrize(("fraction", "counts"), [(0.0, "600 training and 0 validation"), (1.0, "0 training and 600")])
def test_training_and_validation_frames_are_both_needed(conformations, reference, fraction, counts):
    roles = np.arange(600) < 600 * fraction
    with pytest.raises(InputError, match=counts):
        train(conformations[None], roles, reference[None], ATOMS, QUICK, 1)


def test_frames_that_are_not_finite_are_refused(conformations, is_validation, reference):
    broken = conformations[None].copy()
    broken[0, 7, 1, 2] = np.nan
    with pytest.raises(InputError, match="not finite"):
        train(broken, is_validation, reference[None], ATOMS, QUICK, 1)


def test_settings_from_a_configuration(config):
    section = config["training"] | {"n_cvs": 3, "cv_layer": "circular", "patience_epochs": 7, "noise_nm": 0.03}
    settings = TrainingSettings.from_config(section, Features())
    assert settings.cv_kinds == ("circular",) * 3
    assert (settings.patience, settings.noise, settings.scale) == (7, 0.03, config["training"]["scale_nm"])


def test_pose_variance_of_a_cv_that_is_all_pose(random_encoder):
    encoder = random_encoder(superposes=False, cv_kinds=("linear", "circular"))
    one_conformation = np.repeat(encoder.references, 30, axis=0)
    fractions = pose_variance_fraction(encoder, one_conformation, 1)
    np.testing.assert_allclose(fractions, 1, atol=0.05)


def test_pose_variance_of_an_invariant_cv(random_encoder):
    encoder = random_encoder(cv_kinds=("linear", "circular", "tanh"))
    frames = encoder.references[0] + np.random.default_rng(0).normal(scale=0.05, size=(30, 5, 3))
    assert max(pose_variance_fraction(encoder, frames, 1)) < 1e-20


def test_rotations_for_the_pose_variance_are_uniform():
    rotations = random_rotation_matrices(np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    assert np.abs(rotations.mean(axis=0)).max() < 4 / np.sqrt(3 * 20_000)

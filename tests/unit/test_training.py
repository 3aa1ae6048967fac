import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mesaflow.alignment import center, superpose
from mesaflow.encoder import Encoder
from mesaflow.errors import InputError
from mesaflow.features import Features
from mesaflow.outputs import DistancesOutput, PositionsOutput
from mesaflow.settings import resolve_config
from mesaflow.training import TrainingResult, TrainingSettings, train

pytestmark = pytest.mark.usefixtures("one_thread")

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
        return train(conformations, is_validation, reference, ATOMS, settings, random_seed, **options)

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


def test_several_outputs_share_one_encoder(fit, reference, conformations, is_validation):
    other = center(chain(np.array([1.5]), np.zeros(1))[0])
    ends = np.array([0, 1, 4])
    outputs = (
        PositionsOutput.of_all(reference),
        PositionsOutput(np.arange(5), ends, other, np.ones(5), weight=2.0),
        DistancesOutput(np.array([[0, 4], [1, 4]])),
    )
    result = fit(replace(QUICK, outputs=outputs, distance_scale=0.1))
    assert result.fve_validation > 0.95
    assert result.encoder.references.shape == (2, 5, 3)
    assert result.encoder.n_cvs == 2
    decoded = result.decoder.decode(result.encoder.evaluate(conformations[is_validation]))
    assert np.sqrt(np.mean((decoded - conformations[is_validation]) ** 2)) < 0.01


def test_weight_of_an_output_decides_what_is_learned(fit, reference):
    """One CV can follow either of two distances that have nothing to do with one another."""
    far, near = DistancesOutput(np.array([[0, 4]])), DistancesOutput(np.array([[3, 4]]))
    one_cv = replace(QUICK, cv_kinds=("linear",), invariance="augmentation", distance_scale=0.1, max_epochs=40)
    rng = np.random.default_rng(3)
    frames = np.repeat(reference[None], 600, axis=0)
    frames[:, 0, 0] -= 0.05 * rng.random(600)
    frames[:, 4, 0] += 0.05 * rng.random(600)
    validates = np.arange(600) % 100 >= 80
    features = replace(one_cv.features, positions=False, pairs=np.array([[0, 1], [3, 4]]))

    def error_of_near(weight: float) -> float:
        outputs = (far, replace(near, weight=weight))
        settings = replace(one_cv, outputs=outputs, features=features)
        result = train(frames, validates, reference, ATOMS, settings, 1)
        distance = np.linalg.norm(frames[:, 3] - frames[:, 4], axis=1)
        return 1 - np.corrcoef(result.encoder.evaluate(frames)[:, 0], distance)[0, 1] ** 2

    assert error_of_near(100.0) < 0.05 < error_of_near(0.01)


@pytest.mark.parametrize("hierarchy", ["shared", "separate", "boosted"])
@pytest.mark.parametrize("kind", ["linear", "circular"])
def test_cvs_of_a_hierarchy_come_in_the_order_of_their_importance(fit, conformations, hierarchy, kind):
    settings = replace(QUICK, cv_kinds=(kind, kind), hierarchy=hierarchy, max_epochs=60)
    result = fit(settings)
    first, both = result.fve_cumulative
    assert 0.7 < first < both == result.fve_validation
    torsions = np.random.default_rng(0).uniform(-1.5, 1.5, 600)
    cv = result.encoder.evaluate(conformations)[:, 0]
    if kind == "circular":
        cv = np.unwrap(cv[np.argsort(torsions)])[np.argsort(np.argsort(torsions))]
    assert abs(np.corrcoef(cv, torsions)[0, 1]) > 0.95
    decoded = result.decoder.decode(result.encoder.evaluate(conformations))
    residual = (decoded - conformations).var(axis=0).sum() / conformations.var(axis=0).sum()
    assert 1 - residual > 0.75


def test_first_cv_of_a_hierarchy_does_as_well_as_one_alone(fit):
    alone = fit(replace(QUICK, cv_kinds=("linear",)))
    first = fit(replace(QUICK, hierarchy="separate")).fve_cumulative[0]
    assert first == pytest.approx(alone.fve_validation, abs=0.03)


@pytest.mark.parametrize("kinds", [("linear", "circular"), ("tanh", "linear"), ("circular", "tanh")])
def test_kinds_of_cvs_mix(fit, conformations, is_validation, kinds):
    result = fit(replace(QUICK, cv_kinds=kinds, scale=0.3))
    assert result.fve_validation > 0.9
    cvs = result.encoder.evaluate(conformations[~is_validation])
    for kind, values in zip(kinds, cvs.T, strict=True):
        if kind == "linear":
            assert values.mean() == pytest.approx(0, abs=1e-4)
            assert values.std(ddof=1) == pytest.approx(1, abs=1e-4)
        else:
            assert np.abs(values).max() <= (1 if kind == "tanh" else np.pi)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("schedule", ["plateau", "cosine", "constant"])
def test_every_optimizer_learns(fit, optimizer, schedule):
    rate = 0.5 if optimizer == "sgd" else 0.02
    settings = replace(QUICK, optimizer=optimizer, learning_rate_schedule=schedule, learning_rate=rate, max_epochs=25)
    result = fit(settings)
    assert result.loss_curve[result.best_epoch - 1, 1] < 0.3 * result.loss_curve[0, 1]


def test_momentum_is_nesterovs(fit, monkeypatch):
    made = []

    class Recorded(torch.optim.SGD):
        def __init__(self, *arguments, **options):
            made.append(options)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(torch.optim, "SGD", Recorded)
    settings = replace(QUICK, optimizer="sgd", max_epochs=2)
    with_momentum, without = fit(settings), fit(replace(settings, momentum=0.0))
    assert [(options["momentum"], options["nesterov"]) for options in made] == [(0.9, True), (0.0, False)]
    assert np.abs(with_momentum.loss_curve - without.loss_curve).max() > 0


def test_a_second_thread_changes_no_result(fit):
    settings = replace(QUICK, invariance="augmentation", noise=0.02, max_epochs=3)
    alone = fit(settings)
    torch.set_num_threads(2)
    try:
        beside = fit(settings)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert_same_network(alone.encoder, beside.encoder)


def test_weight_decay_shrinks_the_weights(fit):
    settings = replace(QUICK, cv_kinds=("circular",), max_epochs=40)  # linear CVs are standardised whatever they were

    def squared_norm(weight_decay: float) -> float:
        result = fit(replace(settings, weight_decay=weight_decay))
        decoder = sum(float((parameter.detach() ** 2).sum()) for parameter in result.decoder.network.parameters())
        return decoder + sum((weight**2).sum() for weight in result.encoder.weights)

    assert squared_norm(0.5) < 0.7 * squared_norm(0.0)


def test_weights_of_frames_decide_what_is_learned(fit, conformations):
    """Frames with a large torsion, weighed down, are hardly learned."""
    torsions = np.random.default_rng(0).uniform(-1.5, 1.5, 600)
    weights = np.where(np.abs(torsions) > 0.75, 1e-6, 1.0)
    settings = replace(QUICK, cv_kinds=("linear",), hidden_layers=[3], max_epochs=40)
    weighted, equal = fit(settings, weights=weights), fit(settings)

    def error(result: TrainingResult, rows: np.ndarray) -> float:
        decoded = result.decoder.decode(result.encoder.evaluate(conformations[rows]))
        return np.mean((decoded - conformations[rows]) ** 2)

    far = np.abs(torsions) > 0.75
    assert error(weighted, far) > 1.5 * error(equal, far)


def test_automatic_scales_are_the_root_mean_square_over_training_frames(fit, conformations, is_validation):
    features = Features(pairs=np.array([[0, 4], [1, 3]]))
    result = fit(replace(QUICK, scale=None, distance_scale=None, features=features, max_epochs=2))
    frames = conformations[~is_validation]
    distances = np.linalg.norm(frames[:, [0, 1]] - frames[:, [4, 3]], axis=2)
    assert result.encoder.scale == pytest.approx(np.sqrt(np.mean(frames**2)), rel=1e-5)
    assert result.encoder.features.distance_scale == pytest.approx(np.sqrt(np.mean(distances**2)), rel=1e-5)


def test_decoder_returns_the_conformation_that_the_encoder_saw(trained, conformations):
    decoded = trained.decoder.decode(trained.encoder.evaluate(conformations))
    explained = 1 - (decoded - conformations).var(axis=0).sum() / conformations.var(axis=0).sum()
    assert explained == pytest.approx((0.8 * trained.fve_training + 0.2 * trained.fve_validation), abs=0.01)
    np.testing.assert_array_equal(trained.decoder.atoms, ATOMS)


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
        train(conformations, roles, reference, ATOMS, QUICK, 1)


def test_frames_that_are_not_finite_are_refused(conformations, is_validation, reference):
    broken = conformations.copy()
    broken[7, 1, 2] = np.nan
    with pytest.raises(InputError, match="not finite"):
        train(broken, is_validation, reference, ATOMS, QUICK, 1)


def test_settings_from_a_configuration(resolved_training):
    section = resolved_training | {"cv_layer": "circular", "patience_epochs": 7, "noise_nm": 0.03, "scale_nm": "auto"}
    settings = TrainingSettings.from_config(section, Features(), (), n_cvs=3)
    assert settings.cv_kinds == ("circular",) * 3
    assert (settings.patience, settings.noise, settings.scale) == (7, 0.03, None)
    section["cv_layer"] = ["linear", "circular"]
    assert TrainingSettings.from_config(section, Features(), (), n_cvs=2).cv_kinds == ("linear", "circular")


@pytest.fixture
def resolved_training(config, schema) -> dict:
    return resolve_config(config, schema)["training"]

import numpy as np
import pytest
import torch

from mesaflow.autoencoder import Autoencoder, CVLayer, export_encoder
from mesaflow.features import Features

N_ATOMS, SCALE = 4, 0.5


def network(
    cv_kinds: tuple[str, ...], hidden_layers: tuple[int, ...] = (7, 6), activation: str = "tanh"
) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(3 * N_ATOMS, list(hidden_layers), cv_kinds, activation, 3 * N_ATOMS).double()


@pytest.fixture
def frames() -> np.ndarray:
    values = np.random.default_rng(0).normal(scale=0.2, size=(50, N_ATOMS, 3))
    return values - values.mean(axis=1, keepdims=True)


def nodes(trained: Autoencoder, frames: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return trained.encoder(torch.tensor(frames.reshape(len(frames), -1) / SCALE)).numpy()


def export(trained: Autoencoder, frames: np.ndarray):
    inputs = torch.tensor(frames.reshape(len(frames), -1) / SCALE)
    references = np.zeros((1, N_ATOMS, 3))
    return export_encoder(trained, inputs, np.arange(N_ATOMS), SCALE, references, False, Features())


@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("hidden_layers", [(), (7,), (7, 6, 5)])
def test_exported_tanh_and_circular_cvs_are_those_of_the_network(frames, hidden_layers, activation):
    trained = network(("tanh", "circular"), hidden_layers, activation)
    cvs, values = export(trained, frames).evaluate(frames), nodes(trained, frames)
    np.testing.assert_allclose(cvs[:, 0], np.tanh(values[:, 0]), atol=1e-12)
    np.testing.assert_allclose(cvs[:, 1], np.arctan2(values[:, 2], values[:, 1]), atol=1e-12)


@pytest.mark.parametrize("n_cvs", [1, 2, 3])
def test_exported_linear_cvs_are_white_and_an_affine_map_of_the_nodes(frames, n_cvs):
    trained = network(("linear",) * n_cvs)
    cvs, values = export(trained, frames).evaluate(frames), nodes(trained, frames)
    np.testing.assert_allclose(cvs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(cvs, rowvar=False).reshape(n_cvs, n_cvs), np.eye(n_cvs), atol=1e-10)
    design = np.column_stack([np.ones(len(values)), values])
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, cvs)[0], cvs, atol=1e-10)


def test_linear_cvs_are_principal_axes_the_largest_first(frames):
    trained = network(("linear", "linear"))
    cvs, values = export(trained, frames).evaluate(frames), nodes(trained, frames)
    scales = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) / np.sqrt(len(values) - 1)
    spreads = np.linalg.norm(np.linalg.lstsq(cvs, values - values.mean(axis=0))[0], axis=1)
    np.testing.assert_allclose(spreads, scales, rtol=1e-10)
    assert spreads[0] > spreads[1]


def test_a_cv_that_never_changes_is_exported_finite(frames):
    trained = network(("linear", "linear"))
    with torch.no_grad():
        trained.encoder[-1].weight[1] = 0
    assert np.isfinite(export(trained, frames).evaluate(frames)).all()


def test_cvs_of_which_none_changes_are_exported_finite(frames):
    trained = network(("linear", "linear"))
    with torch.no_grad():
        trained.encoder[-1].weight.zero_()
    assert np.isfinite(export(trained, frames).evaluate(frames)).all()


def test_mixed_cvs_with_linear_ones_are_exported_as_they_are(frames):
    trained = network(("linear", "tanh"))
    cvs, values = export(trained, frames).evaluate(frames), nodes(trained, frames)
    np.testing.assert_allclose(cvs, np.column_stack([values[:, 0], np.tanh(values[:, 1])]), atol=1e-12)


def test_decoder_reads_unit_pairs_of_circular_cvs():
    layer = CVLayer(("linear", "circular", "tanh"))
    output = layer(torch.tensor([[5.0, 3.0, -4.0, 0.5]], dtype=torch.float64))
    np.testing.assert_allclose(output.numpy(), [[5, 0.6, -0.8, np.tanh(0.5)]])

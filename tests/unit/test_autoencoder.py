import numpy as np
import pytest
import torch

from mesaflow.autoencoder import Autoencoder, CVLayer, standardise

N_ATOMS = 4


def network(cv_kinds: tuple[str, ...], hidden_layers: tuple[int, ...] = (7, 6), hierarchy: str = "none") -> Autoencoder:
    torch.manual_seed(0)
    made = Autoencoder(3 * N_ATOMS, list(hidden_layers), cv_kinds, "tanh", 3 * N_ATOMS, hierarchy).double()
    for parameter in made.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)  # biases start at zero, where mistakes would not show
    return made


@pytest.fixture
def inputs() -> torch.Tensor:
    return torch.tensor(np.random.default_rng(0).normal(size=(50, 3 * N_ATOMS)))


@torch.no_grad()
def nodes(trained: Autoencoder, inputs: torch.Tensor) -> np.ndarray:
    return trained.encoder(inputs).numpy()


@pytest.mark.parametrize("hierarchy", ["none", "shared", "separate", "boosted"])
@pytest.mark.parametrize("kinds", [("linear", "linear"), ("linear", "circular", "linear"), ("tanh", "linear")])
@pytest.mark.parametrize("hidden_layers", [(7,), (7, 6, 5)])
@torch.no_grad()
def test_standardising_changes_no_output(inputs, hierarchy, kinds, hidden_layers):
    trained = network(kinds, hidden_layers, hierarchy)
    before = trained.levels(inputs)
    standardise(trained, trained.encoder(inputs), mixes=hierarchy == "none")
    assert len(before) == (1 if hierarchy == "none" else len(kinds))
    for old, new in zip(before, trained.levels(inputs), strict=True):
        np.testing.assert_allclose(new.numpy(), old.numpy(), atol=1e-10)


@pytest.mark.parametrize("n_cvs", [1, 2, 3])
def test_mixed_linear_cvs_become_white_and_an_affine_map_of_the_nodes(inputs, n_cvs):
    trained = network(("linear",) * n_cvs)
    before = nodes(trained, inputs)
    standardise(trained, torch.tensor(before), mixes=True)
    cvs = nodes(trained, inputs)
    np.testing.assert_allclose(cvs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(cvs, rowvar=False).reshape(n_cvs, n_cvs), np.eye(n_cvs), atol=1e-10)
    design = np.column_stack([np.ones(len(before)), before])
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, cvs)[0], cvs, atol=1e-10)


def test_mixed_linear_cvs_are_principal_axes_the_largest_first(inputs):
    trained = network(("linear", "linear"))
    before = nodes(trained, inputs)
    standardise(trained, torch.tensor(before), mixes=True)
    cvs = nodes(trained, inputs)
    scales = np.linalg.svd(before - before.mean(axis=0), compute_uv=False) / np.sqrt(len(before) - 1)
    spreads = np.linalg.norm(np.linalg.lstsq(cvs, before - before.mean(axis=0))[0], axis=1)
    np.testing.assert_allclose(spreads, scales, rtol=1e-10)
    assert spreads[0] > spreads[1]


def test_linear_cvs_of_a_hierarchy_keep_their_directions(inputs):
    trained = network(("linear", "linear"), hierarchy="boosted")
    before = nodes(trained, inputs)
    standardise(trained, torch.tensor(before), mixes=False)
    expected = (before - before.mean(axis=0)) / before.std(axis=0, ddof=1)
    np.testing.assert_allclose(nodes(trained, inputs), expected, atol=1e-12)


def test_other_cvs_are_left_as_they_are(inputs):
    trained = network(("circular", "linear", "tanh"))
    before = nodes(trained, inputs)
    standardise(trained, torch.tensor(before), mixes=True)
    after = nodes(trained, inputs)
    np.testing.assert_array_equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]])
    assert after[:, 2].std(ddof=1) == pytest.approx(1)


@pytest.mark.parametrize("mixes", [True, False])
@pytest.mark.parametrize("constant", [[1], [0, 1]])
def test_cvs_that_never_change_stay_finite(inputs, mixes, constant):
    trained = network(("linear", "linear"))
    with torch.no_grad():
        trained.encoder[-1].weight[constant] = 0
    standardise(trained, torch.tensor(nodes(trained, inputs)), mixes)
    assert np.isfinite(nodes(trained, inputs)).all()


def test_decoder_reads_unit_pairs_of_circular_cvs():
    layer = CVLayer(("linear", "circular", "tanh"))
    output = layer(torch.tensor([[5.0, 3.0, -4.0, 0.5]], dtype=torch.float64))
    np.testing.assert_allclose(output.numpy(), [[5, 0.6, -0.8, np.tanh(0.5)]])

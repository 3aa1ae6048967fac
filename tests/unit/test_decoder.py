import numpy as np
import pytest
import torch

from mesaflow.decoder import DECODERS, Decoder, node_slices
from mesaflow.errors import InputError
from mesaflow.files import write_arrays

KINDS = ("linear", "circular", "tanh")
N_OUTPUTS = 15


def decoder(hierarchy: str, columns: slice = slice(3, 15)) -> Decoder:
    torch.manual_seed(1)
    network = DECODERS[hierarchy](KINDS, [6, 5], "silu", N_OUTPUTS).double()
    atoms = np.array([2, 3, 5, 7]) if columns.stop else np.empty(0, dtype=np.int64)
    return Decoder(network, KINDS, [6, 5], "silu", hierarchy, 0.5, atoms, columns)


@pytest.fixture
def cvs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 3))


def nodes_of(cvs: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.column_stack([cvs[:, 0], np.cos(cvs[:, 1]), np.sin(cvs[:, 1]), cvs[:, 2]]))


def test_nodes_of_each_cv():
    assert node_slices(KINDS) == [slice(0, 1), slice(1, 3), slice(3, 4)]


@pytest.mark.parametrize("hierarchy", DECODERS)
@torch.no_grad()
def test_decoding_returns_the_columns_of_the_coordinates(cvs, hierarchy):
    made = decoder(hierarchy)
    expected = made.network.levels(nodes_of(cvs))[-1][:, 3:].numpy().reshape(7, 4, 3) * 0.5
    np.testing.assert_allclose(made.decode(cvs), expected)


@pytest.mark.parametrize("hierarchy", ["shared", "separate", "boosted"])
@torch.no_grad()
def test_a_level_of_a_hierarchy_reads_the_first_cvs_only(cvs, hierarchy):
    network = decoder(hierarchy).network
    before = network.levels(nodes_of(cvs))
    for k in range(3):
        changed = cvs.copy()
        changed[:, k] += 1.0
        for level, (old, new) in enumerate(zip(before, network.levels(nodes_of(changed)), strict=True)):
            same = torch.allclose(old, new, atol=1e-12)
            assert same == (level < k)


@torch.no_grad()
def test_boosted_decoders_add_to_those_before(cvs):
    network = decoder("boosted").network
    levels, nodes = network.levels(nodes_of(cvs)), nodes_of(cvs)
    np.testing.assert_allclose((levels[1] - levels[0]).numpy(), network.decoders[1](nodes[:, 1:3]).numpy(), atol=1e-12)


@torch.no_grad()
def test_shared_decoder_has_one_last_layer_for_all_levels(cvs):
    network = decoder("shared").network
    before = network.levels(nodes_of(cvs))
    network.last[-1].bias += 1.0
    for old, new in zip(before, network.levels(nodes_of(cvs)), strict=True):
        np.testing.assert_allclose((new - old).numpy(), 1, atol=1e-12)


@pytest.mark.parametrize("hierarchy", DECODERS)
def test_saving_keeps_everything(cvs, hierarchy, tmp_path):
    made = decoder(hierarchy)
    made.save(tmp_path / "decoder.npz")
    loaded = Decoder.load(tmp_path / "decoder.npz")
    np.testing.assert_array_equal(loaded.decode(cvs), made.decode(cvs))
    np.testing.assert_array_equal(loaded.atoms, made.atoms)
    assert loaded.hierarchy == hierarchy


def test_a_circular_cv_decodes_alike_one_period_on(cvs):
    made = decoder("none")
    np.testing.assert_allclose(made.decode(cvs + np.array([0, 2 * np.pi, 0])), made.decode(cvs), atol=1e-12)


def test_distances_cannot_be_decoded_to_coordinates(cvs):
    with pytest.raises(InputError, match="returns no coordinates"):
        decoder("none", slice(0, 0)).decode(cvs)


def test_another_file_is_refused(tmp_path):
    write_arrays(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(InputError, match="is not a decoder"):
        Decoder.load(tmp_path / "other.npz")


def test_a_shared_layer_needs_a_hidden_layer():
    with pytest.raises(InputError, match="hidden_layers"):
        DECODERS["shared"](KINDS, [], "tanh", 3)

import mdtraj
import numpy as np
import pytest
import torch

from mesaflow.decoder import DECODERS, Decoder
from mesaflow.encoder import minimum_image
from mesaflow.morphs import N_MODELS, path_along, save_models, save_path
from mesaflow.trajectories import load_topology

LINE, CIRCLE = np.inf, 2 * np.pi


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


def test_a_path_along_a_line_spans_the_frames_and_follows_them():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 5000)
    cvs = np.column_stack([x, np.sin(x / 3) + rng.normal(scale=0.05, size=5000)])
    path = path_along(cvs, np.array([LINE, LINE]), 0)
    np.testing.assert_allclose(path[:, 0], np.linspace(*np.quantile(x, [0.01, 0.99]), N_MODELS))
    # Hundreds of frames of standard deviation 0.05 make a model: four standard errors are 0.02. At the ends, where frames
    # lie to one side only, the path lags behind by up to a step of 10/35, on a slope of 1/3.
    np.testing.assert_allclose(path[3:-3, 1], np.sin(path[3:-3, 0] / 3), atol=0.02)
    np.testing.assert_allclose(path[:, 1], np.sin(path[:, 0] / 3), atol=0.1)


def test_a_path_goes_once_round_a_circle_and_means_angles_on_the_circle():
    rng = np.random.default_rng(1)
    angle = rng.uniform(-np.pi, np.pi, 5000)
    other = np.angle(np.exp(1j * (angle + np.pi)))  # it jumps from π to −π where the first passes 0
    path = path_along(np.column_stack([angle, other]), np.array([CIRCLE, CIRCLE]), 0)
    steps = minimum_image(np.diff(path[:, 0], append=path[0, 0]), np.array(CIRCLE))
    np.testing.assert_allclose(steps, 2 * np.pi / N_MODELS)
    np.testing.assert_allclose(minimum_image(path[:, 1] - path[:, 0] - np.pi, np.array(CIRCLE)), 0, atol=0.05)


def test_in_a_gap_of_the_frames_a_path_goes_by_those_next_to_it():
    cvs = np.column_stack([[0.1, 0.2], [5.0, 5.0]])
    path = path_along(cvs, np.array([CIRCLE, LINE]), 0)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[:, 1], 5.0)
    cvs[1, 1] = 7.0
    opposite = path_along(cvs, np.array([CIRCLE, LINE]), 0)[np.argmin(np.abs(path[:, 0] + 3.0))]
    assert opposite[1] == pytest.approx(5.0, abs=0.3)  # 0.1 is nearer to −3.0 than 0.2


def test_a_cv_that_never_varies_has_a_path_that_stands_still():
    cvs = np.column_stack([np.full(9, 1.5), np.arange(9.0)])
    np.testing.assert_allclose(path_along(cvs, np.array([LINE, LINE]), 0), np.tile([1.5, 4.0], (N_MODELS, 1)))


def test_models_are_what_the_decoder_returns_along_the_path(topology, tmp_path):
    """Of a decoder made by hand, that moves one of three atoms by the CV, along x [nm]."""
    network = DECODERS["none"](("linear",), [], "tanh", 9).double()
    at_zero = np.array([[0.0, 0, 0], [0.15, 0, 0], [0.15, 0.15, 0]])
    with torch.no_grad():
        network.layers[0].weight[:] = 0
        network.layers[0].weight[6] = 1
        network.layers[0].bias[:] = torch.as_tensor(at_zero.ravel() / 0.5)
    atoms = np.array([6, 8, 10])
    decoder = Decoder(network, ("linear",), [], "tanh", "none", 0.5, atoms, slice(0, 9))
    path = path_along(np.linspace(-1, 1, 201)[:, None], np.array([LINE]), 0)
    save_models(tmp_path / "cv_1.pdb", topology, atoms, decoder.decode(path))
    loaded = mdtraj.load(str(tmp_path / "cv_1.pdb"))
    assert [str(atom) for atom in loaded.topology.atoms] == ["ALA2-N", "ALA2-CA", "ALA2-C"]
    expected = np.tile(at_zero, (N_MODELS, 1, 1))
    expected[:, 2, 0] += 0.5 * np.linspace(-0.98, 0.98, N_MODELS)
    np.testing.assert_allclose(loaded.xyz, expected, atol=1e-4)  # PDB holds thousandths of an Å


def test_a_file_of_models_names_no_date_and_bonds_its_own_atoms(topology, tmp_path):
    atoms = topology.select("name CH3 C N CA")
    save_models(tmp_path / "models.pdb", topology, atoms, np.random.default_rng(2).normal(size=(2, 7, 3)))
    text = (tmp_path / "models.pdb").read_text()
    assert "REMARK" not in text
    assert text.startswith("MODEL        1\n")
    records = [line.split() for line in text.splitlines()]
    serial = {fields[2] + fields[5]: fields[1] for fields in records if fields[0] in ("ATOM", "HETATM")}
    bonds = {frozenset((fields[1], other)) for fields in records if fields[0] == "CONECT" for other in fields[2:]}
    assert frozenset((serial["CH31"], serial["C1"])) in bonds
    assert frozenset((serial["N3"], serial["C3"])) in bonds
    assert bonds <= {frozenset((str(i), str(i + 1))) for i in range(1, 7)}


def test_a_path_is_written_with_a_column_a_cv(tmp_path):
    save_path(tmp_path / "cv_1.csv", np.array([[0.5, -1.0], [0.25, 3.0]]))
    assert (tmp_path / "cv_1.csv").read_text() == "cv_1,cv_2\n0.5,-1\n0.25,3\n"

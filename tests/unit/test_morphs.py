"""Walks through given frames, and what is written of them."""

import mdtraj
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from mesaflow.decoder import Decoder, PlainDecoder
from mesaflow.encoder import minimum_image
from mesaflow.morphs import N_STEPS, walk, write_morph, write_walk
from mesaflow.trajectories import load_topology

LINES = np.array([np.inf, np.inf])
TORUS = np.array([2 * np.pi, 2 * np.pi])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def nearest(path: np.ndarray, cvs: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return the distance of each step to the frame that is nearest."""
    return np.linalg.norm(minimum_image(path[:, None] - cvs[None], periods), axis=2).min(axis=1)


def test_a_walk_follows_the_curve_that_the_frames_lie_on(rng):
    x = rng.uniform(-1, 1, 2000)
    path = walk(np.column_stack([x, x**2]), LINES, 0)
    assert len(path) == N_STEPS
    np.testing.assert_allclose(np.diff(path[:, 0]), np.diff(path[:, 0])[0])
    assert path[0, 0] == pytest.approx(-0.98, abs=0.03)
    assert path[-1, 0] == pytest.approx(0.98, abs=0.03)
    np.testing.assert_allclose(path[:, 1], path[:, 0] ** 2, atol=2 * (path[1, 0] - path[0, 0]))


def test_a_walk_keeps_to_one_of_two_branches(rng):
    """The mean of the frames lies between the branches, where there are none."""
    x, branch = rng.uniform(-1, 1, 2000), rng.choice([-1.0, 1.0], 2000)
    path = walk(np.column_stack([x, branch + rng.normal(scale=0.05, size=2000)]), LINES, 0)
    assert np.abs(np.abs(path[:, 1]) - 1).max() < 0.25
    assert len(np.unique(np.sign(path[:, 1]))) == 1


def test_a_walk_round_a_whole_circle_closes(rng):
    angle = rng.uniform(-np.pi, np.pi, 3000)
    cvs = np.column_stack([angle, np.angle(np.exp(1j * (angle + 2 + rng.normal(scale=0.1, size=3000))))])
    path = walk(cvs, TORUS, 0)
    assert len(path) == N_STEPS
    steps = minimum_image(np.roll(path, -1, axis=0) - path, TORUS)
    np.testing.assert_allclose(steps[:, 0], 2 * np.pi / N_STEPS)
    assert np.abs(steps[:, 1]).max() < 0.6
    assert nearest(path, cvs, TORUS).max() < 2 * np.pi / N_STEPS


@pytest.mark.parametrize("middle", [0.3, np.pi])
def test_a_walk_along_a_circular_cv_goes_where_frames_are(rng, middle):
    """Elsewhere the decoder has nothing to go by. An arc through ±π is one arc."""
    angle = np.angle(np.exp(1j * (middle + rng.uniform(-0.5, 0.5, 1000))))
    path = walk(np.column_stack([angle, np.zeros(1000)]), TORUS, 0)
    from_middle = minimum_image(path - [middle, 0], TORUS)[:, 0]
    assert len(path) == N_STEPS
    assert from_middle.min() == pytest.approx(-0.49, abs=0.02)
    assert from_middle.max() == pytest.approx(0.49, abs=0.02)
    assert (np.diff(from_middle) > 0).all()


def test_a_walk_leaves_out_steps_without_frames(rng):
    x = np.concatenate([rng.uniform(-1, -0.5, 500), rng.uniform(0.5, 1, 500)])
    path = walk(np.column_stack([x, x]), LINES, 0)
    assert 0 < len(path) < N_STEPS
    assert np.abs(path[:, 0]).min() > 0.4


@pytest.mark.parametrize("period", [np.inf, 2 * np.pi])
def test_a_cv_that_has_collapsed_to_a_point_is_walked_on_the_spot(period):
    path = walk(np.full((50, 2), 3.0), np.full(2, period), 1)
    assert len(path) > 0
    np.testing.assert_allclose(path, 3.0, atol=1e-12)


def test_a_morph_of_a_made_up_decoder_can_be_loaded(alanine_pdb, tmp_path):
    """Each atom goes along x by its index times the CV."""
    atoms, scale = np.array([0, 4, 6]), 0.5
    network = PlainDecoder(("linear",), [], "tanh", 9).double()
    with torch.no_grad():
        layer = next(module for module in network.modules() if isinstance(module, nn.Linear))
        layer.weight[:] = torch.tensor([[0], [0], [0], [1], [0], [0], [2], [0], [0]])
        layer.bias.zero_()
    decoder = Decoder(network, ("linear",), [], "tanh", "none", scale, atoms, slice(0, 9))
    steps = np.linspace(-1, 1, 5)[:, None]
    write_morph(tmp_path / "cv_1.pdb", load_topology(alanine_pdb), decoder.atoms, decoder.decode(steps))
    morph = mdtraj.load(str(tmp_path / "cv_1.pdb"))
    assert [str(atom) for atom in morph.topology.atoms] == ["ACE1-CH3", "ACE1-C", "ALA2-N"]
    expected = np.zeros((5, 3, 3))
    expected[:, :, 0] = scale * steps * [0, 1, 2]
    np.testing.assert_allclose(morph.xyz, expected, atol=1e-4)  # PDB holds thousandths of an Å
    assert [(bond.atom1.name, bond.atom2.name) for bond in morph.topology.bonds] == [("CH3", "C"), ("C", "N")]
    text = (tmp_path / "cv_1.pdb").read_text()
    assert [line.split()[1] for line in text.splitlines() if line.startswith("MODEL")] == ["1", "2", "3", "4", "5"]
    assert "REMARK" not in text


def test_the_cvs_of_a_morph_are_a_table_with_one_row_a_model(tmp_path):
    write_walk(tmp_path / "cv_1.csv", np.array([[0.5, -1.0], [0.25, 2.0]]))
    table = pd.read_csv(tmp_path / "cv_1.csv")
    assert table.to_dict("list") == {"model": [1, 2], "cv_1": [0.5, 0.25], "cv_2": [-1.0, 2.0]}

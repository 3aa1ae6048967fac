from itertools import product

import numpy as np
import pytest

from mesaflow.periodic import Molecules, images, make_whole, nearest_shifts
from mesaflow.solvation import BOX_VECTORS

SHAPES = {name: 3.0 * np.array(vectors) for name, vectors in BOX_VECTORS.items()}


@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
def test_shifts_are_sums_of_box_vectors_that_bring_near_points_together(box):
    rng = np.random.default_rng(0)
    near = rng.uniform(-0.9, 0.9, size=(200, 3))  # well within half the smallest width
    far = near + rng.integers(-4, 5, size=(200, 3)) @ box
    shifts = nearest_shifts(far, box)
    turns = shifts @ np.linalg.inv(box)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    np.testing.assert_allclose(far + shifts, near, atol=1e-9)


def test_there_are_27_images_and_the_first_is_the_original():
    box = SHAPES["dodecahedron"]
    points = np.array([[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]])
    copies = images(points, box)
    np.testing.assert_array_equal(copies[:2], points)
    expected = [points[0] + np.array(turn) @ box for turn in product((-1, 0, 1), repeat=3)]
    np.testing.assert_allclose(sorted(map(tuple, copies[::2])), sorted(map(tuple, expected)))


@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
def test_molecules_are_brought_next_to_the_first_one_as_wholes(box):
    rng = np.random.default_rng(1)
    positions = rng.uniform(-0.4, 0.4, size=(7, 3))
    molecules = Molecules.among([[0, 1, 2], [3, 4], [5, 6]], np.arange(7), box)
    scattered = molecules.moved(positions, np.array([[0, 0, 0], [1, -2, 1], [0, 3, 0]]) @ box)
    np.testing.assert_allclose(molecules.gather(scattered), positions, atol=1e-9)


def test_molecules_among_some_atoms_are_counted_among_these():
    molecules = Molecules.among([[0, 1, 2], [3, 4], [5, 6]], np.array([6, 1, 4, 3]), np.eye(3))
    assert [atoms.tolist() for atoms in molecules.atoms] == [[0], [1], [2, 3]]


@pytest.mark.parametrize("box", SHAPES.values(), ids=SHAPES)
def test_molecules_that_the_box_cuts_are_made_whole(box):
    rng = np.random.default_rng(2)
    chain = np.cumsum(rng.normal(scale=0.1, size=(30, 3)), axis=0)
    bonds = [(i, i + 1) for i in range(29) if i != 14]  # two molecules
    cut = chain + rng.integers(-1, 2, size=(30, 3)) @ box
    whole = make_whole(cut, bonds, box)
    for first, last in ((0, 15), (15, 30)):
        np.testing.assert_allclose(np.diff(whole[first:last], axis=0), np.diff(chain[first:last], axis=0), atol=1e-9)
    turns = (whole - cut) @ np.linalg.inv(box)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)

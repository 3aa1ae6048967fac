from dataclasses import fields

import numpy as np
import pytest

from mesaflow.encoder import Encoder, cv_periods, minimum_image, n_output_nodes
from mesaflow.errors import InputError
from mesaflow.features import Features

MIXED = ("linear", "circular", "tanh")


@pytest.mark.parametrize("superposes", [True, False])
def test_saving_keeps_every_bit(random_encoder, tmp_path, superposes):
    atoms = np.array([9, 2, 7, 0, 4])
    features = Features(True, np.array([[0, 1, 2, 3]]), np.array([[3, 0], [1, 4]]), 0.7)
    options = {"hidden_layers": (7, 3), "cv_kinds": MIXED, "activation": "silu", "features": features}
    encoder = random_encoder(superposes=superposes, atoms=atoms, **options)
    encoder.save(tmp_path / "encoder.npz")
    loaded = Encoder.load(tmp_path / "encoder.npz")
    for field in fields(Encoder):
        before, after = getattr(encoder, field.name), getattr(loaded, field.name)
        assert type(before) is type(after), field.name
        if field.name in {"weights", "biases"}:
            assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))
        elif field.name == "features":
            assert (before.positions, before.distance_scale) == (after.positions, after.distance_scale)
            np.testing.assert_array_equal(before.dihedrals, after.dihedrals)
            np.testing.assert_array_equal(before.pairs, after.pairs)
        else:
            np.testing.assert_array_equal(before, after)
    frames = np.random.default_rng(1).normal(size=(4, 5, 3))
    assert loaded.evaluate(frames).tobytes() == encoder.evaluate(frames).tobytes()


@pytest.mark.parametrize("superposes", [True, False])
def test_frames_that_are_not_finite_are_named(random_encoder, superposes):
    frames = np.random.default_rng(1).normal(size=(1500, 5, 3))
    frames[1200, 3, 1], frames[1300, 0, 0] = np.nan, np.inf
    with pytest.raises(InputError, match="2 of 1500 frames .* frame 1200; leave them out"):
        random_encoder(superposes=superposes).evaluate(frames)


def test_the_same_encoder_is_saved_in_the_same_bytes(random_encoder, tmp_path):
    for name in ("first", "second"):
        random_encoder(seed=5).save(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def write_text(path):
    path.write_text("not an encoder")


def write_nothing(path):
    path.write_bytes(b"")


def write_other_arrays(path):
    np.savez(path, weights=np.zeros(3))


def write_pickle(path):
    np.savez(path, layers=np.array([{"a": 1}], dtype=object))


def write_single_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def write_half_an_archive(path):
    np.savez(path, layers=np.arange(1000))
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_nothing,
        write_other_arrays,
        write_pickle,
        write_single_array,
        write_half_an_archive,
    ],
)
def test_a_file_that_is_no_encoder_is_refused(tmp_path, write):
    path = tmp_path / "encoder.npz"
    write(path)
    with pytest.raises(InputError, match="encoder.npz is (not an encoder|damaged)"):
        Encoder.load(path)


def test_numbers_of_nodes_and_periods():
    assert n_output_nodes(MIXED) == 4
    np.testing.assert_array_equal(cv_periods(MIXED), [np.inf, 2 * np.pi, np.inf])


def test_minimum_image_folds_periodic_columns_only():
    differences = np.array([[7.0, 7.0], [-4.0, -4.0], [1.0, 1.0]])
    folded = minimum_image(differences, np.array([np.inf, 2 * np.pi]))
    np.testing.assert_array_equal(folded[:, 0], differences[:, 0])
    np.testing.assert_allclose(folded[:, 1], [7 - 2 * np.pi, 2 * np.pi - 4, 1])


def test_displacement_crosses_the_period(random_encoder):
    encoder = random_encoder(cv_kinds=("circular", "linear"))
    displacement = encoder.displacement(np.array([[3.0, 3.0], [-3.0, -3.0]]), np.array([-3.0, -3.0]))
    np.testing.assert_allclose(displacement, [[6 - 2 * np.pi, 6], [0, 0]], atol=1e-15)

from dataclasses import replace

import mdtraj
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mesaflow import kernel
from mesaflow.autoencoder import CVLayer, featurise
from mesaflow.bias import HarmonicRestraint
from mesaflow.encoder import Encoder
from mesaflow.features import Features
from mesaflow.packing import CIRCULAR, SILU_ACTIVATION, Network, pack

SMALLEST_GAP = 1e-3  # nm²: the reference's gradient through an SVD loses digits where singular values meet

INPUTS = {
    "positions": Features(),
    "dihedrals": Features(False, np.array([[0, 1, 2, 3], [3, 1, 0, 2]])),
    "distances": Features(False, pairs=np.array([[0, 3], [1, 2], [2, 0]]), distance_scale=0.3),
    "all": Features(True, np.array([[2, 0, 1, 3]]), np.array([[3, 0]]), 0.4),
}

CV_LAYERS = {
    "linear": ("linear", "linear"),
    "tanh": ("tanh", "tanh"),
    "circular": ("circular", "circular"),
    "mixed": ("circular", "linear", "tanh"),
}
HIDDEN_LAYERS = [(), (7,), (12, 5), (9, 4, 6)]

ENCODERS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "n_atoms": st.integers(4, 9),
        "hidden_layers": st.lists(st.integers(2, 12), max_size=3).map(tuple),
        "cv_kinds": st.lists(st.sampled_from(["linear", "tanh", "circular"]), min_size=1, max_size=3).map(tuple),
        "activation": st.sampled_from(["tanh", "silu"]),
        "superposes": st.booleans(),
        "features": st.sampled_from(list(INPUTS.values())),
    }
)


def conformation(encoder: Encoder, seed: int, mirrored: bool = False) -> np.ndarray:
    """A distorted copy of the reference in a random pose."""
    rng = np.random.default_rng(seed)
    reference = encoder.references[0]
    distorted = reference + rng.normal(scale=0.05, size=reference.shape)
    if mirrored:
        distorted = distorted * [1, 1, -1]
    return distorted @ Rotation.random(rng=rng).as_matrix() + rng.normal(size=3)


def singular_values(encoder: Encoder, positions: np.ndarray) -> np.ndarray:
    return np.linalg.svd((positions - positions.mean(axis=0)).T @ encoder.references[0], compute_uv=False)


def autograd_cvs(encoder: Encoder, positions: torch.Tensor) -> torch.Tensor:
    """The collective variables from torch's own operations, superposed by an SVD."""
    placed = positions - positions.mean(dim=0)
    if encoder.superposes:
        u, _, vt = torch.linalg.svd(placed.T @ torch.tensor(encoder.references[0]))
        sign = torch.sign(torch.linalg.det(u.detach() @ vt.detach()))
        placed = placed @ u @ torch.diag(torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign])) @ vt
    values = featurise(placed[None], encoder.features, encoder.scale)[0]
    activation = {"tanh": torch.tanh, "silu": torch.nn.functional.silu}[encoder.activation]
    for i, (weight, bias) in enumerate(zip(encoder.weights, encoder.biases, strict=True)):
        values = torch.nn.functional.linear(values, torch.tensor(weight), torch.tensor(bias))
        if i < len(encoder.weights) - 1:
            values = activation(values)
    read = CVLayer(encoder.cv_kinds)(values[None])[0]
    cvs, node = [], 0
    for kind in encoder.cv_kinds:  # the CV layer turns a circular CV into cosine and sine
        cvs.append(torch.atan2(read[node + 1], read[node]) if kind == "circular" else read[node])
        node += 2 if kind == "circular" else 1
    return torch.stack(cvs)


def autograd_restraint(
    encoder: Encoder, positions: np.ndarray, center: np.ndarray, force_constant: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy, forces and collective variables of a restraint from torch's autograd."""
    leaf = torch.tensor(positions, requires_grad=True)
    cvs = autograd_cvs(encoder, leaf)
    deviation = cvs - torch.tensor(center)
    periodic = torch.tensor([kind == "circular" for kind in encoder.cv_kinds])
    deviation = torch.where(periodic, torch.atan2(torch.sin(deviation), torch.cos(deviation)), deviation)
    energy = 0.5 * force_constant * (deviation**2).sum()
    (gradient,) = torch.autograd.grad(energy, leaf)
    return energy.item(), -gradient.numpy(), cvs.detach().numpy()


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float, size: float | None = None) -> None:
    """Compare arrays relative to a size, that of the largest element by default."""
    size = np.abs(expected).max() if size is None else size
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * size)


def pair_encoder(cv_kinds: tuple[str, ...]) -> Encoder:
    """An encoder of two atoms without hidden layer, whose nodes are x and y of the first, relative to the centroid [nm]."""
    weight = np.zeros((2, 6))
    weight[0, 0] = weight[1, 1] = 1.0
    return Encoder(
        atoms=np.arange(2),
        scale=1.0,
        references=np.zeros((1, 2, 3)),
        superposes=False,
        weights=(weight,),
        biases=(np.zeros(2),),
        activation="tanh",
        cv_kinds=cv_kinds,
    )


def pair(x: float, y: float) -> np.ndarray:
    """Two atoms about the origin, the first at (x, y, 0) [nm]."""
    return np.array([[x, y, 0.0], [-x, -y, 0.0]])


def assert_agrees_with_autograd(encoder: Encoder, positions: np.ndarray, seed: int) -> None:
    """Compare values and gradients to 1e-8 where autograd itself has as many digits.

    Assumed of the conformation: singular values apart, without which the SVD's gradient cancels; nodes of circular CVs
    not near the origin, where an angle has no direction; deviations not near half a turn, where the force jumps.
    """
    if encoder.superposes:
        assume(np.abs(np.diff(singular_values(encoder, positions))).min() > SMALLEST_GAP)
    center = np.random.default_rng(seed).uniform(-3, 3, size=encoder.n_cvs)
    energy, forces, cvs = HarmonicRestraint(encoder, center, 30.0).evaluate(positions)
    expected_energy, expected_forces, expected_cvs = autograd_restraint(encoder, positions, center, 30.0)
    deviation = encoder.displacement(expected_cvs, center)
    assume((np.abs(deviation[np.isfinite(encoder.periods)]) < np.pi - 1e-6).all())
    assert_close(encoder.displacement(cvs, expected_cvs), np.zeros_like(cvs), 1e-8, np.abs(expected_cvs).max())
    assert energy == pytest.approx(expected_energy, rel=1e-8)
    assert_close(forces, expected_forces, 1e-8)


@pytest.mark.parametrize("superposes", [True, False], ids=["superposed", "centred"])
@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("hidden_layers", HIDDEN_LAYERS, ids=str)
@pytest.mark.parametrize("cv_layer", CV_LAYERS)
@pytest.mark.parametrize("inputs", INPUTS)
@settings(max_examples=4)
@given(seed=st.integers(0, 10_000), n_atoms=st.integers(4, 9), mirrored=st.booleans())
def test_every_combination_agrees_with_autograd(
    random_encoder, inputs, cv_layer, hidden_layers, activation, superposes, seed, n_atoms, mirrored
):
    encoder = random_encoder(
        seed, n_atoms, hidden_layers, CV_LAYERS[cv_layer], activation, superposes, features=INPUTS[inputs]
    )
    assert_agrees_with_autograd(encoder, conformation(encoder, seed, mirrored), seed)


@given(options=ENCODERS, seed=st.integers(0, 10_000), mirrored=st.booleans())
def test_values_and_forces_agree_with_autograd(random_encoder, options, seed, mirrored):
    encoder = random_encoder(**options)
    assert_agrees_with_autograd(encoder, conformation(encoder, seed, mirrored), seed)


@given(options=ENCODERS, seed=st.integers(0, 10_000), n_frames=st.sampled_from([0, 1, 3]), mirrored=st.booleans())
def test_many_frames_at_once_have_the_cvs_of_one_at_a_time(random_encoder, options, seed, n_frames, mirrored):
    encoder = random_encoder(**options)
    frames = np.array([conformation(encoder, seed + k, mirrored) for k in range(n_frames)]).reshape(
        n_frames, len(encoder.atoms), 3
    )
    for frame in frames if encoder.superposes else []:
        values = singular_values(encoder, frame)
        assume(values[1] - values[2] > SMALLEST_GAP)
    singly, together = kernel.evaluate_frames(*encoder.kernel_arguments, frames), encoder.evaluate(frames)
    assert together.shape == (n_frames, encoder.n_cvs)
    np.testing.assert_allclose(encoder.displacement(together, singly), 0, atol=1e-9)


def test_frames_of_more_than_one_part_keep_their_order(random_encoder):
    encoder = random_encoder(n_atoms=4, activation="silu", features=INPUTS["all"])
    frames = encoder.references[0] + np.random.default_rng(0).normal(scale=0.05, size=(8200, 4, 3))
    np.testing.assert_allclose(
        encoder.evaluate(frames.astype(np.float32)),
        kernel.evaluate_frames(*encoder.kernel_arguments, frames.astype(np.float32).astype(float)),
        atol=1e-10,
    )


def random_rotations(seed: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = Rotation.random(2, rng=np.random.default_rng(seed)).as_matrix()
    return first, second


def check_rotation(b: np.ndarray, largest: float, bound: float) -> np.ndarray:
    """Find the rotation for B, and check that it is one and reaches the largest tr(R Bᵀ)."""
    rotation = np.array(kernel.find_rotation(tuple(map(tuple, b.tolist())), bound))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.trace(rotation @ b.T) == pytest.approx(largest, rel=1e-12, abs=1e-300)
    return rotation


@given(
    seed=st.integers(0, 10_000),
    second=st.one_of(st.floats(0.01, 1.0), st.floats(1e-4, 0.01)),  # the latter of a stretched chain
    third=st.floats(-1.0, 1.0),
    excess=st.floats(0.0, 100.0),
    size=st.sampled_from([1e-4, 1.0, 1e3]),
)
def test_rotation_is_the_one_of_the_singular_vectors(seed, second, third, excess, size):
    """B = U diag(s) Vᵀ has R = U Vᵀ, known to rounding divided by the smallest gap s₂ + s₃."""
    s = size * np.array([1.0, second, third * second])
    assume(s[1] + s[2] > 1e-4 * size)
    u, v = random_rotations(seed)
    rotation = check_rotation(u * s @ v.T, s.sum(), (1 + excess) * s.sum())
    np.testing.assert_allclose(rotation, u @ v.T, atol=1e-14 * size / (s[1] + s[2]) + 1e-12)


@given(
    seed=st.integers(0, 10_000),
    second=st.floats(0.0, 1.0),
    gap=st.sampled_from([0.0, 1e-300, 1e-16, 1e-9, 1e-4, 1e-3, 1e-2]),
)
def test_nearly_degenerate_superposition_is_a_rotation_and_a_maximiser(seed, second, gap):
    """The two largest eigenvalues, s₁ ± (s₂ + s₃), nearly meet, as for a mirror image or atoms on a line."""
    s = np.array([1.0, second, gap - second])
    u, v = random_rotations(seed)
    check_rotation(u * s @ v.T, s.sum(), 1.5)


@pytest.mark.parametrize("gap", [1e-3, 2e-4, 1.1e-4])
def test_rotations_of_stretched_chains_have_all_digits_that_rounding_leaves(gap):
    """The closed form alone has errors of 1e-12 to 1e-10 there, and so it has when only made orthonormal."""
    rng = np.random.default_rng(0)
    errors = []
    for seed in range(100):
        second = rng.uniform(0.5, 1.0) * gap
        s = np.array([1.0, second, gap - second])
        u, v = random_rotations(seed)
        rotation = np.array(kernel.find_rotation(tuple(map(tuple, (u * s @ v.T).tolist())), 1.5 * s.sum()))
        errors.append(np.abs(rotation - u @ v.T).max())
    assert max(errors) < 1e-15 / gap


def test_no_correlation_with_the_reference_still_gives_a_rotation():
    check_rotation(np.zeros((3, 3)), 0.0, 1.0)


def test_positions_that_are_not_finite_give_forces_that_are_not(random_encoder):
    positions = np.full((5, 3), np.nan)
    for superposes in (True, False):
        restraint = HarmonicRestraint(random_encoder(superposes=superposes), np.zeros(2), 10.0)
        energy, forces, _ = restraint.evaluate(positions)
        assert np.isnan(energy) and np.isnan(forces).all()


def test_tanh_is_that_of_numpy():
    """One hidden node, whose argument is the first coordinate of the first of two atoms."""
    encoder = replace(
        pair_encoder(("linear",)),
        weights=(np.eye(1, 6), np.ones((1, 1))),
        biases=(np.zeros(1), np.zeros(1)),
    )
    arguments = np.concatenate([np.linspace(-25, 25, 5001), np.logspace(-300, 2, 500)])
    cvs = encoder.evaluate(np.stack([pair(x, 0.0) for x in arguments]))
    np.testing.assert_allclose(cvs[:, 0], np.tanh(arguments), rtol=2e-15, atol=0)


@pytest.mark.parametrize("inputs", INPUTS)
def test_unpacking_undoes_packing(inputs):
    rng = np.random.default_rng(0)
    features = INPUTS[inputs]
    network = Network(
        superposes=True,
        reference=rng.normal(size=(5, 3)),
        uses_positions=features.positions,
        scale=0.5,
        dihedrals=features.dihedrals,
        pairs=features.pairs,
        distance_scale=features.distance_scale,
        sizes=np.array([3, 4, 2]),
        forward_weights=rng.normal(size=20),
        backward_weights=rng.normal(size=20),
        biases=rng.normal(size=6),
        activation=SILU_ACTIVATION,
        cv_kinds=np.array([CIRCULAR]),
    )
    for before, after in zip(network, kernel.unpack(*pack(network)), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_same_input_gives_the_same_bits(random_encoder):
    encoder = random_encoder(features=INPUTS["all"], hidden_layers=(9, 6))
    restraint = HarmonicRestraint(encoder, np.zeros(2), 10.0)
    positions = conformation(encoder, 1)
    first = restraint.evaluate(positions)
    restraint.evaluate(conformation(encoder, 2))
    for before, after in zip(first, restraint.evaluate(positions), strict=True):
        np.testing.assert_array_equal(before, after)


@given(options=ENCODERS, seed=st.integers(0, 10_000))
def test_forces_agree_with_finite_differences(random_encoder, options, seed):
    encoder = random_encoder(**options)
    positions = conformation(encoder, seed)
    restraint = HarmonicRestraint(encoder, encoder.evaluate(positions[None])[0] + 0.7, 30.0)
    _, forces, _ = restraint.evaluate(positions)
    step = 1e-5
    numerical = np.empty_like(positions)
    for index in np.ndindex(positions.shape):
        shift = np.zeros_like(positions)
        shift[index] = step
        difference = restraint.evaluate(positions + shift)[0] - restraint.evaluate(positions - shift)[0]
        numerical[index] = -difference / (2 * step)
    assert_close(forces, numerical, 1e-6)


@given(options=ENCODERS, seed=st.integers(0, 10_000))
def test_pose_changes_no_cv_and_turns_the_forces(random_encoder, options, seed):
    encoder = random_encoder(**options | {"superposes": True})
    positions = conformation(encoder, seed)
    rng = np.random.default_rng(seed + 1)
    rotation = Rotation.random(rng=rng).as_matrix()
    restraint = HarmonicRestraint(encoder, np.full(encoder.n_cvs, 0.5), 30.0)
    energy, forces, cvs = restraint.evaluate(positions)
    posed_energy, posed_forces, posed_cvs = restraint.evaluate(positions @ rotation + rng.normal(size=3))
    np.testing.assert_allclose(posed_cvs, cvs, rtol=0, atol=1e-10)
    assert posed_energy == pytest.approx(energy, rel=1e-10)
    assert_close(posed_forces, forces @ rotation, 1e-10)


@given(options=ENCODERS, seed=st.integers(0, 10_000))
def test_translation_changes_no_cv_without_superposition(random_encoder, options, seed):
    encoder = random_encoder(**options | {"superposes": False})
    positions = conformation(encoder, seed)
    shifted = encoder.evaluate(np.stack([positions, positions + [1.0, -2.0, 3.0]]))
    np.testing.assert_allclose(shifted[1], shifted[0], rtol=0, atol=1e-10)


def test_rotation_changes_cvs_without_superposition(random_encoder):
    encoder = random_encoder(superposes=False)
    reference = encoder.references[0]
    turned = reference @ Rotation.from_euler("z", 90, degrees=True).as_matrix()
    first, second = encoder.evaluate(np.stack([reference, turned]))
    assert np.abs(first - second).max() > 0.1


@given(options=ENCODERS, seed=st.integers(0, 10_000))
def test_forces_neither_push_nor_turn_the_molecule(random_encoder, options, seed):
    encoder = random_encoder(**options)
    positions = conformation(encoder, seed)
    _, forces, cvs = HarmonicRestraint(encoder, np.zeros(encoder.n_cvs), 30.0).evaluate(positions)
    assume(np.abs(cvs).max() > 1e-3)
    size = np.abs(forces).sum()
    assert np.abs(forces.sum(axis=0)).max() < 1e-12 * size
    if encoder.superposes:
        torque = np.cross(positions - positions.mean(axis=0), forces).sum(axis=0)
        assert np.abs(torque).max() < 1e-10 * size


def test_mirror_image_has_other_cvs(random_encoder):
    encoder = random_encoder()
    reference = encoder.references[0]
    first, second = encoder.evaluate(np.stack([reference, reference * [1, 1, -1]]))
    assert np.abs(first - second).max() > 0.01


def test_linear_and_tanh_cvs_by_hand():
    restraint = HarmonicRestraint(pair_encoder(("linear", "tanh")), np.array([0.1, 0.0]), 10.0)
    energy, forces, cvs = restraint.evaluate(pair(0.3, 0.4) + 5.0)
    np.testing.assert_allclose(cvs, [0.3, np.tanh(0.4)], atol=1e-14)
    assert energy == pytest.approx(0.5 * 10 * (0.2**2 + np.tanh(0.4) ** 2))
    pull = [10 * 0.2, 10 * np.tanh(0.4) * (1 - np.tanh(0.4) ** 2), 0]
    np.testing.assert_allclose(forces, [-np.array(pull) / 2, np.array(pull) / 2], atol=1e-13)


@pytest.mark.parametrize("side", [1, -1])
def test_circular_cv_is_restrained_by_the_minimum_image(side):
    angle, center = side * (np.pi - 0.1), -side * (np.pi - 0.2)
    restraint = HarmonicRestraint(pair_encoder(("circular",)), np.array([center]), 10.0)
    energy, forces, cvs = restraint.evaluate(pair(np.cos(angle), np.sin(angle)))
    assert cvs[0] == pytest.approx(angle)
    assert energy == pytest.approx(0.5 * 10 * 0.3**2)
    towards_center = side * np.array([-np.sin(angle), np.cos(angle), 0])
    np.testing.assert_allclose(forces[0], 0.5 * 10 * 0.3 * towards_center, atol=1e-12)


@pytest.mark.parametrize("length", [0.0, 1e-300, 1e-12, 1e-7])
def test_circular_cv_without_direction_has_finite_forces(length):
    restraint = HarmonicRestraint(pair_encoder(("circular",)), np.array([1.0]), 10.0)
    energy, forces, cvs = restraint.evaluate(pair(length, 0.0))
    assert np.isfinite([energy, *forces.ravel(), *cvs]).all()
    assert np.abs(forces).max() <= 0.5 * 10 * length / 1e-12 + 1e-12


def test_reference_itself_is_left_in_place(random_encoder):
    superposing, centering = random_encoder(superposes=True), random_encoder(superposes=False)
    reference = superposing.references
    np.testing.assert_allclose(superposing.evaluate(reference), centering.evaluate(reference), atol=1e-12)


def test_dihedral_inputs_are_those_of_mdtraj(random_encoder):
    """An encoder without hidden layers, whose circular CVs are its dihedral inputs."""
    encoder = random_encoder(hidden_layers=(), cv_kinds=("circular", "circular"), features=INPUTS["dihedrals"])
    encoder = replace(encoder, weights=(np.eye(4),), biases=(np.zeros(4),))
    frames = np.random.default_rng(3).normal(size=(20, 5, 3)).astype(np.float32)
    expected = mdtraj.compute_dihedrals(mdtraj.Trajectory(frames, None), encoder.features.dihedrals, periodic=False)
    np.testing.assert_allclose(encoder.evaluate(frames), expected, atol=1e-4)


@pytest.mark.parametrize("inputs", ["dihedrals", "distances"])
def test_dihedrals_and_distances_need_no_superposition(random_encoder, inputs):
    encoder = random_encoder(superposes=False, features=INPUTS[inputs])
    positions = conformation(encoder, 1)
    turned = positions @ Rotation.random(rng=np.random.default_rng(2)).as_matrix()
    first, second = encoder.evaluate(np.stack([positions, turned]))
    np.testing.assert_allclose(second, first, atol=1e-12)


def test_a_dihedral_of_atoms_on_one_line_has_finite_forces(random_encoder):
    encoder = random_encoder(n_atoms=4, features=Features(False, np.array([[0, 1, 2, 3]])), superposes=False)
    line = np.zeros((4, 3))
    line[:, 0] = 0.15 * np.arange(4)
    energy, forces, cvs = HarmonicRestraint(encoder, np.ones(2), 10.0).evaluate(line)
    assert np.isfinite([energy, *forces.ravel(), *cvs]).all()


def test_every_frame_is_evaluated_alone(random_encoder):
    encoder = random_encoder()
    frames = np.stack([conformation(encoder, seed) for seed in range(6)])
    alone = np.concatenate([kernel.evaluate_frames(*encoder.kernel_arguments, frame[None]) for frame in frames])
    np.testing.assert_array_equal(kernel.evaluate_frames(*encoder.kernel_arguments, frames), alone)
    np.testing.assert_array_equal(kernel.evaluate_frames(*encoder.kernel_arguments, frames[::-1].copy()), alone[::-1])

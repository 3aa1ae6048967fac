from dataclasses import replace

import mdtraj
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow.encoder import Encoder
from mesaflow.features import Features
from mesaflow.meaning import (
    MOST_ATOMS,
    atom_names,
    correlations,
    cv_gradients,
    find_quantities,
    gradient_norms,
    measure_quantities,
)
from mesaflow.trajectories import load_topology, select_atoms

N_FRAMES = 2000
LINE, CIRCLE = False, True
SHIFTS = st.floats(-10, 10)


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


@pytest.fixture(scope="module")
def atoms(topology) -> np.ndarray:
    return select_atoms(topology, "name CH3 C N CA", "training.atoms")


@pytest.fixture(scope="module")
def positions(alanine_pdb) -> np.ndarray:
    """Distorted copies of alanine dipeptide in single precision, as trajectories hold them."""
    rng = np.random.default_rng(0)
    return (mdtraj.load(str(alanine_pdb)).xyz + rng.normal(scale=0.02, size=(50, 22, 3))).astype(np.float32)


def correlation(first, first_is_circular, second, second_is_circular) -> float:
    kinds = np.array([first_is_circular]), np.array([second_is_circular])
    return correlations(np.asarray(first)[:, None], kinds[0], np.asarray(second)[:, None], kinds[1]).item()


def wrapped(angles: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * angles))


def chain_of_alpha_carbons(n_residues: int, n_chains: int = 1) -> mdtraj.Topology:
    topology = mdtraj.Topology()
    for _ in range(n_chains):
        chain = topology.add_chain()
        for number in range(n_residues):
            residue = topology.add_residue("GLY", chain, resSeq=number + 1)
            for name in ("N", "CA", "C"):
                topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    topology.create_standard_bonds()
    return topology


def test_two_numbers_correlate_as_pearson_says():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, N_FRAMES))
    assert correlation(x, LINE, y - x, LINE) == pytest.approx(np.corrcoef(x, y - x)[0, 1], abs=1e-12)
    assert correlation(x, LINE, -3 * x + 7, LINE) == pytest.approx(-1)


def test_a_number_and_an_angle_correlate_as_a_regression_on_cosine_and_sine_explains():
    rng = np.random.default_rng(2)
    angle = rng.uniform(-np.pi, np.pi, N_FRAMES)
    x = 2 * np.cos(angle - 0.7) + rng.normal(size=N_FRAMES)
    regressors = np.column_stack([np.ones(N_FRAMES), np.cos(angle), np.sin(angle)])
    residual = x - regressors @ np.linalg.lstsq(regressors, x)[0]
    expected = np.sqrt(1 - residual.var() / x.var())
    assert correlation(x, LINE, angle, CIRCLE) == pytest.approx(expected, abs=1e-12)
    assert correlation(angle, CIRCLE, x, LINE) == pytest.approx(expected, abs=1e-12)


def test_two_angles_correlate_as_jupp_and_mardia_say():
    """r² = tr(Σ₁₁⁻¹ Σ₁₂ Σ₂₂⁻¹ Σ₂₁), which reaches 2."""
    rng = np.random.default_rng(3)
    first = rng.vonmises(1.0, 2.0, N_FRAMES)
    second = wrapped(first + rng.vonmises(0.0, 3.0, N_FRAMES))
    vectors = np.stack([np.cos(first), np.sin(first), np.cos(second), np.sin(second)])
    covariance = np.cov(vectors)
    s11, s12, s22 = covariance[:2, :2], covariance[:2, 2:], covariance[2:, 2:]
    r_squared = np.trace(np.linalg.inv(s11) @ s12 @ np.linalg.inv(s22) @ s12.T)
    assert correlation(first, CIRCLE, second, CIRCLE) == pytest.approx(np.sqrt(r_squared / 2), abs=1e-12)
    assert 0.5 < np.sqrt(r_squared / 2) < 0.99


@pytest.mark.parametrize("concentration", [0.0, 1.0, 50.0])  # 0: evenly round the circle, without a mean direction
@pytest.mark.parametrize("sign", [1, -1])
@given(shift=SHIFTS)
def test_an_angle_correlates_fully_with_itself_reflected_and_shifted(concentration, sign, shift):
    angle = np.random.default_rng(4).vonmises(3.0, concentration, N_FRAMES)
    assert correlation(angle, CIRCLE, wrapped(sign * angle + shift), CIRCLE) == pytest.approx(1)


@given(first_shift=SHIFTS, second_shift=SHIFTS)
def test_shifts_of_angles_change_no_correlation(first_shift, second_shift):
    rng = np.random.default_rng(5)
    first = rng.vonmises(3.0, 1.0, N_FRAMES)
    second = wrapped(first + rng.vonmises(0.0, 1.0, N_FRAMES))
    x = np.sin(first) + rng.normal(size=N_FRAMES)
    shifted, other = wrapped(first + first_shift), wrapped(second + second_shift)
    assert correlation(shifted, CIRCLE, other, CIRCLE) == pytest.approx(
        correlation(first, CIRCLE, second, CIRCLE), abs=1e-9
    )
    assert correlation(x, LINE, shifted, CIRCLE) == pytest.approx(correlation(x, LINE, first, CIRCLE), abs=1e-9)


@pytest.mark.parametrize("kinds", [(LINE, LINE), (LINE, CIRCLE), (CIRCLE, LINE), (CIRCLE, CIRCLE)])
def test_independent_variables_hardly_correlate(kinds):
    """Their correlations are of the order of 1/√n; four of these bound them all but certainly."""
    first, second = np.random.default_rng(6).uniform(-np.pi, np.pi, size=(2, N_FRAMES))
    assert abs(correlation(first, kinds[0], second, kinds[1])) < 4 / np.sqrt(N_FRAMES)


@pytest.mark.parametrize("constant", [LINE, CIRCLE])
@pytest.mark.parametrize("other", [LINE, CIRCLE])
def test_a_constant_correlates_with_nothing(constant, other):
    noise, angles = np.random.default_rng(7).normal(size=(2, N_FRAMES))
    assert np.isnan(correlation(1.2 + 1e-7 * noise, constant, angles, other))


def test_correlations_are_those_of_each_with_each():
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=(N_FRAMES, 2)), rng.normal(size=(N_FRAMES, 3))
    kinds = np.array([LINE, CIRCLE]), np.array([CIRCLE, LINE, LINE])
    found = correlations(first, kinds[0], second, kinds[1])
    assert found.shape == (2, 3)
    assert found[1, 0] == pytest.approx(correlation(first[:, 1], CIRCLE, second[:, 0], CIRCLE))
    assert found[0, 2] == pytest.approx(correlation(first[:, 0], LINE, second[:, 2], LINE))


def test_quantities_of_alanine_dipeptide(topology, atoms):
    quantities = find_quantities(topology, atoms)
    named = {quantity.name: quantity for quantity in quantities}
    assert len(named) == len(quantities)
    assert [name for name, quantity in named.items() if quantity.is_circular] == [
        "phi ALA2",
        "psi ALA2",
        "about ACE1-C ALA2-N",
        "about ALA2-C NME3-N",
    ]
    # 21 pairs of 7 atoms in a row, but for 6 bonds and the 5 ends of angles
    assert sum(quantity.kind == "distance" for quantity in quantities) == 10
    assert "ACE1-CH3 NME3-C" in named
    assert "ALA2-N ALA2-C" not in named
    heavy = named["radius of gyration"].atoms
    assert {topology.atom(atom).element.symbol for atom in heavy} == {"C", "N", "O"}
    assert len(heavy) == 10


def test_backbone_dihedrals_need_not_be_seen_by_the_cvs(topology):
    alpha_and_beta = select_atoms(topology, "name CA CB", "training.atoms")
    names = [quantity.name for quantity in find_quantities(topology, alpha_and_beta)]
    assert names == ["phi ALA2", "psi ALA2", "radius of gyration"]


@pytest.mark.parametrize("n_chains", [1, 2])
def test_a_protein_has_its_backbone_dihedrals_and_distances_between_alpha_carbons(n_chains):
    topology = chain_of_alpha_carbons(30, n_chains)
    quantities = find_quantities(topology, topology.select("name N CA C"))
    names = [quantity.name for quantity in quantities]
    assert len(set(names)) == len(names)
    for angle in ("phi", "psi", "omega"):
        assert sum(name.startswith(angle) for name in names) == 29 * n_chains
    assert not any(name.startswith("about") for name in names)
    pairs = [quantity.atoms for quantity in quantities if quantity.kind == "distance"]
    assert len(pairs) == MOST_ATOMS * (MOST_ATOMS - 1) / 2
    assert {topology.atom(atom).name for pair in pairs for atom in pair} == {"CA"}
    assert (1, 3 * 30 * n_chains - 2) in pairs  # from the first to the last


def test_measured_quantities_are_those_of_mdtraj(topology, atoms, positions):
    quantities = find_quantities(topology, atoms)
    values = measure_quantities(topology, positions, quantities)
    column = {quantity.name: values[:, i] for i, quantity in enumerate(quantities)}
    trajectory = mdtraj.Trajectory(positions, topology)
    np.testing.assert_allclose(column["phi ALA2"], mdtraj.compute_phi(trajectory, periodic=False)[1][:, 0])
    distance = np.linalg.norm(positions[:, 0] - positions[:, 18], axis=1)
    np.testing.assert_allclose(column["ACE1-CH3 NME3-C"], distance, rtol=1e-5)
    heavy = list(topology.select("not element H"))  # Rg² = Σ mᵢ mⱼ rᵢⱼ² / 2M²
    masses = np.array([topology.atom(atom).element.mass for atom in heavy])
    squares = ((positions[:, heavy, None] - positions[:, None, heavy]) ** 2).sum(axis=-1)
    radius = np.sqrt((masses * masses[:, None] * squares).sum(axis=(1, 2)) / 2) / masses.sum()
    np.testing.assert_allclose(column["radius of gyration"], radius, rtol=1e-5)


def test_a_cv_that_is_a_dihedral_is_found_out(topology, atoms, positions, random_encoder):
    """Of a network without hidden layers, whose circular CV is an input dihedral turned by a right angle."""
    quantities = find_quantities(topology, atoms)
    local = {int(atom): i for i, atom in enumerate(atoms)}
    psi = [local[atom] for atom in quantities[1].atoms]
    encoder = random_encoder(
        n_atoms=7, hidden_layers=(), cv_kinds=("circular",), features=Features(False, np.array([psi])), atoms=atoms
    )
    encoder = replace(encoder, weights=(np.array([[0.0, -1.0], [1.0, 0.0]]),), biases=(np.zeros(2),))
    found = correlations(
        encoder.evaluate(positions[:, atoms]),
        np.array([CIRCLE]),
        measure_quantities(topology, positions, quantities),
        np.array([quantity.is_circular for quantity in quantities]),
    )[0]
    assert found[1] == pytest.approx(1, abs=1e-4)  # coordinates are in single precision
    assert np.argmax(found) == 1


def distance_encoder(slope: float, cv_kind: str) -> Encoder:
    """Return an encoder of five atoms, whose node is ``slope`` [1/nm] times the distance of atoms 1 and 3."""
    features = Features(False, pairs=np.array([[1, 3]]), distance_scale=1.0)
    nodes = np.array([[slope], [0.0]]) if cv_kind == "circular" else np.array([[slope]])
    biases = np.array([0.0, 1.0]) if cv_kind == "circular" else np.zeros(1)
    return Encoder(np.arange(5), 1.0, np.zeros((1, 5, 3)), False, (nodes,), (biases,), "tanh", (cv_kind,), features)


def test_the_gradient_of_a_distance_is_on_its_two_atoms():
    frames = np.random.default_rng(9).normal(size=(4, 5, 3))
    gradients = cv_gradients(distance_encoder(2.5, "linear"), frames)
    offsets = frames[:, 1] - frames[:, 3]
    expected = np.zeros((4, 1, 5, 3))
    expected[:, 0, 1] = 2.5 * offsets / np.linalg.norm(offsets, axis=1, keepdims=True)
    expected[:, 0, 3] = -expected[:, 0, 1]
    np.testing.assert_allclose(gradients, expected, atol=1e-12)
    norms = gradient_norms(distance_encoder(2.5, "linear"), frames)
    np.testing.assert_allclose(norms, [[0, 2.5, 0, 2.5, 0]], atol=1e-12)


def test_the_gradient_of_a_circular_cv_by_hand():
    """The CV is atan2(1, s d), so that its slope along the distance d is −s/(1 + s²d²)."""
    frames = np.random.default_rng(10).normal(size=(6, 5, 3))
    distances = np.linalg.norm(frames[:, 1] - frames[:, 3], axis=1)
    expected = np.sqrt(np.mean((2.5 / (1 + (2.5 * distances) ** 2)) ** 2))
    np.testing.assert_allclose(
        gradient_norms(distance_encoder(2.5, "circular"), frames), [[0, expected, 0, expected, 0]], atol=1e-12
    )


def test_gradients_of_every_cv_agree_with_finite_differences(random_encoder):
    encoder = random_encoder(cv_kinds=("linear", "circular", "tanh"))
    frames = encoder.references[0] + np.random.default_rng(11).normal(scale=0.05, size=(3, 5, 3))
    gradients, step = cv_gradients(encoder, frames), 1e-5
    for atom in range(5):
        for axis in range(3):
            shift = np.zeros((5, 3))
            shift[atom, axis] = step
            difference = encoder.displacement(encoder.evaluate(frames + shift), encoder.evaluate(frames - shift))
            np.testing.assert_allclose(gradients[:, :, atom, axis], difference / (2 * step), atol=1e-6)


def test_atoms_are_named_by_their_chain_where_there_are_several():
    assert atom_names(chain_of_alpha_carbons(1))[:2] == ["GLY1-N", "GLY1-CA"]
    names = atom_names(chain_of_alpha_carbons(2, n_chains=2))
    assert names[0] == "1:GLY1-N"
    assert len(set(names)) == len(names) == 12

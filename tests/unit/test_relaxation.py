"""Relaxed frames along the collective variables."""

import numpy as np
import openmm
import pytest
from openmm import unit
from scipy.spatial.distance import pdist

from mesaflow.alignment import center
from mesaflow.encoder import Encoder
from mesaflow.errors import InputError
from mesaflow.features import Features
from mesaflow.relaxation import Relaxation, Relaxed, extend_beyond, relax, spread_frames
from mesaflow.systems import build_system, load_positions, load_structure, minimise

BACKBONE = np.array([0, 4, 6, 8, 10, 16, 18])
NOT_PERIODIC = np.array([np.inf, np.inf])


@pytest.fixture(scope="module")
def alanine(alanine_pdb):
    system = build_system(load_structure(alanine_pdb), ["amber99sb.xml"], "vacuum", "h_bonds")
    return system, minimise(system, load_positions(alanine_pdb))


@pytest.fixture(scope="module")
def strained(alanine):
    """The minimised molecule, and frames of it at 600 K."""
    system, positions = alanine
    integrator = openmm.LangevinMiddleIntegrator(600, 5, 0.002)
    integrator.setRandomNumberSeed(3)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    frames = []
    for _ in range(4):
        integrator.step(500)
        frames.append(context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    return np.array(frames)


def potential_energy(system, positions):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


@pytest.fixture
def backbone_encoder(alanine, random_encoder):
    encoder = random_encoder(n_atoms=len(BACKBONE))
    reference = center(alanine[1][BACKBONE])[None]
    return type(encoder)(**(vars(encoder) | {"atoms": BACKBONE, "references": reference, "superposes": True}))


def test_relaxed_frames_keep_their_cvs_and_lose_their_strain(alanine, strained, backbone_encoder):
    system, _ = alanine
    before = backbone_encoder.evaluate(strained[:, BACKBONE])
    relaxed = relax(Relaxation(system, backbone_encoder), strained)
    assert np.abs(backbone_encoder.displacement(relaxed.cvs, before)).max() < 0.2
    for frame, positions, energy in zip(strained, relaxed.positions, relaxed.energies, strict=True):
        assert energy == pytest.approx(potential_energy(system, positions), abs=1e-6)
        assert energy < potential_energy(system, frame) - 30


def test_the_lowest_relaxed_energy_is_no_lower_than_the_minimum(alanine, strained, backbone_encoder):
    system, minimum = alanine
    energies = relax(Relaxation(system, backbone_encoder), np.concatenate([strained, minimum[None]])).energies
    assert energies.min() == pytest.approx(potential_energy(system, minimum), abs=1.0)


def test_a_frame_that_cannot_be_relaxed_has_infinite_energy(alanine, strained, backbone_encoder):
    broken = strained[:1].copy()
    broken[0, 3] = np.nan
    energies = relax(Relaxation(alanine[0], backbone_encoder), np.concatenate([broken, strained[1:2]])).energies
    assert energies[0] == np.inf
    assert np.isfinite(energies[1])


@pytest.fixture(scope="module")
def torsions(alanine):
    """Relaxations along φ and ψ themselves, and the minimum, relaxed."""
    system, minimum = alanine
    encoder = Encoder(
        BACKBONE,
        1.0,
        center(minimum[BACKBONE])[None],
        False,
        (np.eye(4),),
        (np.zeros(4),),
        "tanh",
        ("circular", "circular"),
        Features(False, dihedrals=np.array([[1, 2, 3, 4], [2, 3, 4, 5]])),
    )
    relaxation = Relaxation(system, encoder)
    return relaxation, relax(relaxation, minimum[None])


def test_places_beyond_the_frames_are_found_up_to_the_largest_energy(alanine, torsions):
    relaxation, start = torsions
    found, n_tried = extend_beyond(relaxation, start, spacing=0.6, max_energy=25, n_most=200)
    assert found.cvs[0] == pytest.approx(start.cvs[0])
    assert len(found.energies) <= n_tried < 200
    for positions, energy in zip(found.positions, found.energies, strict=True):
        assert energy == pytest.approx(potential_energy(alanine[0], positions), abs=1e-6)
        assert energy < start.energies[0] + 25
    phi = np.degrees(found.cvs[:, 0])
    assert np.any(np.abs(phi) > 140), "the whole basin is filled"
    assert not np.any((phi > 0) & (phi < 140)), "and the barriers of 36 and 62 kJ/mol are not crossed"
    farther, _ = extend_beyond(relaxation, start, spacing=0.6, max_energy=75, n_most=200)
    phi = np.degrees(farther.cvs[:, 0])
    assert np.any((phi > 30) & (phi < 90))


def test_no_more_places_are_tried_than_allowed(torsions):
    found, n_tried = extend_beyond(*torsions, spacing=0.6, max_energy=75, n_most=5)
    assert n_tried == 5
    assert len(found.energies) <= 6


def test_nothing_is_tried_where_a_frame_is_near(torsions):
    found, n_tried = extend_beyond(*torsions, spacing=2 * np.pi, max_energy=75, n_most=5)
    assert n_tried == 0
    assert len(found.energies) == 1


def test_spread_frames_cover_the_region_whatever_its_density():
    rng = np.random.default_rng(0)
    cvs = np.concatenate([rng.uniform(-2, 2, (3000, 2)), rng.normal(0, 0.05, (9000, 2))])
    indices, spacing = spread_frames(cvs, NOT_PERIODIC, 100, rng)
    chosen = cvs[indices]
    central = np.abs(chosen).max(axis=1) < 0.4
    assert 80 <= len(chosen) <= 100
    assert central.mean() < 0.12
    assert pdist(chosen).min() > spacing


def test_few_frames_are_all_chosen_at_the_distance_of_neighbours():
    chosen, spacing = spread_frames(np.array([[0.0, 0], [1, 0], [3, 0]]), NOT_PERIODIC, 5, np.random.default_rng(0))
    assert sorted(chosen) == [0, 1, 2]
    assert spacing == 1.0
    assert spread_frames(np.zeros((1, 2)), NOT_PERIODIC, 5, np.random.default_rng(0))[1] == 0.0


def test_without_a_spacing_nothing_is_tried(torsions):
    found, n_tried = extend_beyond(*torsions, spacing=0.0, max_energy=75, n_most=5)
    assert (len(found.energies), n_tried) == (1, 0)


def test_frames_none_of_which_could_be_relaxed_are_refused(torsions):
    relaxation, start = torsions
    failed = Relaxed(start.positions, np.array([np.inf]), start.cvs)
    with pytest.raises(InputError, match="no frame could be relaxed"):
        extend_beyond(relaxation, failed, spacing=0.6, max_energy=75, n_most=5)

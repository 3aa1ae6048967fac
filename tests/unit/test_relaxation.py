"""Relaxed frames along the collective variables."""

import numpy as np
import openmm
import pytest
from openmm import unit

from mesaflow.alignment import center
from mesaflow.relaxation import frames_at_spacing, relax, spread_frames
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
    positions, energies, cvs = relax(system, backbone_encoder, strained)
    assert np.abs(backbone_encoder.displacement(cvs, before)).max() < 0.2
    for frame, relaxed, energy in zip(strained, positions, energies, strict=True):
        assert energy == pytest.approx(potential_energy(system, relaxed), abs=1e-6)
        assert energy < potential_energy(system, frame) - 30


def test_the_lowest_relaxed_energy_is_no_lower_than_the_minimum(alanine, strained, backbone_encoder):
    system, minimum = alanine
    _, energies, _ = relax(system, backbone_encoder, np.concatenate([strained, minimum[None]]))
    assert energies.min() == pytest.approx(potential_energy(system, minimum), abs=1.0)


def test_a_frame_that_cannot_be_relaxed_has_infinite_energy(alanine, strained, backbone_encoder):
    broken = strained[:1].copy()
    broken[0, 3] = np.nan
    _, energies, _ = relax(alanine[0], backbone_encoder, np.concatenate([broken, strained[1:2]]))
    assert energies[0] == np.inf
    assert np.isfinite(energies[1])


def test_spread_frames_cover_the_region_whatever_its_density():
    rng = np.random.default_rng(0)
    cvs = np.concatenate([rng.uniform(-2, 2, (3000, 2)), rng.normal(0, 0.05, (9000, 2))])
    chosen = cvs[spread_frames(cvs, NOT_PERIODIC, 100, rng)]
    central = np.abs(chosen).max(axis=1) < 0.4
    assert 80 <= len(chosen) <= 100
    assert central.mean() < 0.12


def test_frames_at_a_spacing_are_no_closer_than_it():
    cvs = np.arange(10.0)[:, None]
    chosen = frames_at_spacing(cvs, np.array([np.inf]), 2.5, np.arange(10), 10)
    assert chosen.tolist() == [0, 3, 6, 9]
    assert frames_at_spacing(cvs, np.array([np.inf]), 2.5, np.arange(10), 3) is None


def test_frames_at_a_spacing_are_neighbours_across_a_period():
    cvs = np.array([[0.1], [2 * np.pi - 0.1]])
    assert len(frames_at_spacing(cvs, np.array([2 * np.pi]), 0.3, np.arange(2), 10)) == 1

"""Simulations on OpenMM's platforms for GPUs; without a GPU that works, or PoCL to stand for one, they are skipped."""

import copy
from dataclasses import replace

import numpy as np
import openmm
import pytest

from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.restart import Restart
from mesaflow.simulation import Dynamics, Schedule, create_context, simulate

WARM = Dynamics(temperature=120.0, friction=1.0, timestep=0.002, platform="Reference")
SCHEDULE = Schedule(n_frames=6, steps_per_frame=20, frames_per_block=2, ramp_steps=30)
CENTER, FORCE_CONSTANT = np.array([0.5, -0.5]), 16.0


def works(platform: str) -> bool:
    system = openmm.System()
    system.addParticle(1.0)
    try:
        create_context(system, replace(WARM, platform=platform), random_seed=1)
    except openmm.OpenMMException:
        return False
    return True


@pytest.fixture(scope="module", params=["CUDA", "HIP", "OpenCL"])
def platform(request) -> str:
    if not works(request.param):
        pytest.skip(f"{request.param} does not work on this machine")
    return request.param


@pytest.fixture(params=["single", "mixed", "double"])
def dynamics(platform, request) -> Dynamics:
    return replace(WARM, platform=platform, precision=request.param)


def restraint(encoder) -> HarmonicRestraint:
    return HarmonicRestraint(encoder, CENTER, FORCE_CONSTANT)


def forces(system: openmm.System, positions: np.ndarray, dynamics: Dynamics) -> np.ndarray:
    context = create_context(system, dynamics, random_seed=1)
    context.setPositions(positions)
    return np.array(context.getState(forces=True).getForces(asNumpy=True)._value)


def test_forces_of_a_restraint_are_those_of_the_reference_platform(argon, argon_encoder, tetrahedron, dynamics):
    biased = copy.deepcopy(argon)
    add_restraint(biased, restraint(argon_encoder))
    expected = forces(biased, tetrahedron, WARM)
    assert np.abs(expected - forces(argon, tetrahedron, WARM)).max() > 1  # kJ/mol/nm: the restraint pulls
    np.testing.assert_allclose(
        forces(biased, tetrahedron, dynamics), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def test_a_window_records_its_bias_and_goes_on_to_the_same_bits(argon, argon_encoder, tetrahedron, dynamics, tmp_path):
    def run(name: str, **options) -> dict[str, np.ndarray]:
        return simulate(
            argon,
            tetrahedron,
            dynamics,
            SCHEDULE,
            7,
            Restart(tmp_path / name),
            bias=restraint(argon_encoder),
            **options,
        )

    def interrupt(n_steps: int) -> None:
        raise KeyboardInterrupt

    whole = run("whole")
    np.testing.assert_allclose(whole["cvs"], argon_encoder.evaluate(whole["positions"]), atol=1e-5)
    np.testing.assert_allclose(whole["bias"], FORCE_CONSTANT / 2 * ((whole["cvs"] - CENTER) ** 2).sum(axis=1))
    assert np.ptp(whole["positions"], axis=0).max() > 1e-3  # nm
    with pytest.raises(KeyboardInterrupt):
        run("cut", on_steps=interrupt)
    resumed = run("cut")
    for name, values in whole.items():
        assert resumed[name].tobytes() == values.tobytes(), name

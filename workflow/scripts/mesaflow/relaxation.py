"""Relaxed conformations along the collective variables: which of the visited places are worth sampling."""

import copy
from collections.abc import Callable

import numpy as np
import openmm
from openmm import unit

from .bias import HarmonicRestraint, add_restraint
from .boundary import periodic_tree, wrap
from .encoder import Encoder

_RESTRAINTS = (300.0, 3000.0)  # kJ/mol per squared CV unit: a slope of 100 kJ/mol at last moves a frame by 0.03
_TOLERANCE = 5.0  # root-mean-square force [kJ/mol/nm] at which a minimisation stops
_MOST_ITERATIONS = 500
_SPACING_RESOLUTION = 0.01
_TINY = 100  # atoms up to which the Reference platform is about as fast as any


def spread_frames(cvs: np.ndarray, periods: np.ndarray, n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Choose frames that cover the visited region evenly: no two closer than a spacing, none farther from all of them.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_all, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_frames: The most frames; the spacing is the smallest that needs no more.
        rng: Chooses among equally good frames.

    Returns:
        The indices of the chosen frames.
    """
    order = rng.permutation(len(cvs))
    spacing = float(np.linalg.norm(np.ptp(wrap(cvs, periods), axis=0))) + np.finfo(float).tiny
    too_fine, chosen = 0.0, order[:1]
    while spacing - too_fine > _SPACING_RESOLUTION * spacing:
        middle = (too_fine + spacing) / 2
        finer = frames_at_spacing(cvs, periods, middle, order, n_frames)
        if finer is None:
            too_fine = middle
        else:
            spacing, chosen = middle, finer
    return chosen


def frames_at_spacing(
    cvs: np.ndarray, periods: np.ndarray, spacing: float, order: np.ndarray, n_frames: int
) -> np.ndarray | None:
    """Choose frames, in the given order, no closer than a spacing to one chosen before; None if there are too many."""
    tree, points = periodic_tree(cvs, periods), wrap(cvs, periods)
    covered = np.zeros(len(cvs), dtype=bool)
    chosen: list[int] = []
    for frame in order:
        if not covered[frame]:
            chosen.append(int(frame))
            if len(chosen) > n_frames:
                return None
            covered[tree.query_ball_point(points[frame], spacing)] = True
    return np.array(chosen)


def relax(
    system: openmm.System,
    encoder: Encoder,
    frames: np.ndarray,
    on_frame: Callable[[], object] = lambda: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimise the energy of frames, each restrained to its own collective variables, on the Reference platform, large systems on the CPU one.

    Frames of biased simulations are strained. Relaxed, their energies compare: a place whose best energy is far above the
    lowest holds no population worth a window. The restraint gets stronger in steps and stays where the frame came from, so
    that what is on a barrier stays there.

    Args:
        system: The unbiased system.
        encoder: The collective variables.
        frames: The frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        on_frame: Called after every frame.

    Returns:
        The relaxed positions [nm] with the shape of ``frames``, their unbiased potential energies [kJ/mol], infinite where
        a minimisation failed, and their collective variables with ``shape=(n_frames, n_cvs)``.
    """
    restraint = HarmonicRestraint(encoder, np.zeros(encoder.n_cvs), _RESTRAINTS[0])
    restrained = copy.deepcopy(system)
    add_restraint(restrained, restraint)
    name, properties = ("Reference", {}) if system.getNumParticles() <= _TINY else ("CPU", {"Threads": "1"})
    platform = openmm.Platform.getPlatformByName(name)
    context = openmm.Context(restrained, openmm.VerletIntegrator(0.001), platform, properties)
    relaxed, energies, cvs = (
        frames.astype(float),
        np.full(len(frames), np.inf),
        encoder.evaluate(frames[:, encoder.atoms]),
    )
    for i, frame in enumerate(relaxed):
        try:
            context.setPositions(frame)
            restraint.center[:] = cvs[i]
            for restraint.force_constant in _RESTRAINTS:
                openmm.LocalEnergyMinimizer.minimize(context, _TOLERANCE, _MOST_ITERATIONS)
        except openmm.OpenMMException:
            on_frame()
            continue
        state = context.getState(positions=True, energy=True)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        bias, _, at = restraint.evaluate(positions[encoder.atoms])
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) - bias
        if np.isfinite(energy) and np.isfinite(positions).all():
            relaxed[i], energies[i], cvs[i] = positions, energy, at
        on_frame()
    return relaxed, energies, cvs

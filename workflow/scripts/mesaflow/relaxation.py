"""Relaxed conformations along the collective variables: which places, visited or next to those, are worth sampling."""

import copy
import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm
from openmm import unit

from .bias import HarmonicRestraint, add_restraint
from .boundary import frames_at_spacing, periodic_tree, wrap
from .encoder import Encoder
from .errors import InputError

_RESTRAINTS = (300.0, 3000.0)  # kJ/mol per squared CV unit: a slope of 100 kJ/mol at last moves a frame by 0.03
_TOLERANCE = 5.0  # root-mean-square force [kJ/mol/nm] at which a minimisation stops
_MOST_ITERATIONS = 500
_SPACING_RESOLUTION = 0.01
_NEAR = 0.7  # spacings within which a place is taken: less than the side of a square of neighbours, more than half its diagonal
_TINY = 100  # atoms up to which the Reference platform is about as fast as any


def spread_frames(
    cvs: np.ndarray, periods: np.ndarray, n_frames: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Choose frames that cover the visited region evenly: no two closer than a spacing, none farther from all of them.

    Args:
        cvs: The collective variables of all frames with ``shape=(n_all, n_cvs)``.
        periods: The period of each CV, infinity where it has none.
        n_frames: The most frames; the spacing is the smallest that needs no more.
        rng: Chooses among equally good frames.

    Returns:
        The indices of the chosen frames, and the spacing; where all frames are chosen it is their median distance to the nearest.
    """
    order = rng.permutation(len(cvs))
    if len(cvs) <= n_frames:
        nearest = periodic_tree(cvs, periods).query(wrap(cvs, periods), k=2)[0][:, 1]
        return order, float(np.median(nearest[np.isfinite(nearest)])) if len(cvs) > 1 else 0.0
    spacing = float(np.linalg.norm(np.ptp(wrap(cvs, periods), axis=0))) + np.finfo(float).tiny
    too_fine, chosen = 0.0, order[:1]
    while spacing - too_fine > _SPACING_RESOLUTION * spacing:
        middle = (too_fine + spacing) / 2
        finer = frames_at_spacing(cvs, periods, middle, order, n_frames)
        if finer is None:
            too_fine = middle
        else:
            spacing, chosen = middle, finer
    return chosen, spacing


class Relaxation:
    """Minimises the energy at given collective variables, on the Reference platform, large systems on the CPU one.

    Frames of biased simulations are strained. Relaxed, their energies compare: a place whose best energy is far above the
    lowest holds no population worth a window. The restraint gets stronger in steps and stays where it is, so that what is on
    a barrier stays there.

    Args:
        system: The unbiased system.
        encoder: The collective variables.
    """

    def __init__(self, system: openmm.System, encoder: Encoder):
        self._restraint = HarmonicRestraint(encoder, np.zeros(encoder.n_cvs), _RESTRAINTS[0])
        restrained = copy.deepcopy(system)
        add_restraint(restrained, self._restraint)
        name, properties = ("Reference", {}) if system.getNumParticles() <= _TINY else ("CPU", {"Threads": "1"})
        platform = openmm.Platform.getPlatformByName(name)
        self._context = openmm.Context(restrained, openmm.VerletIntegrator(0.001), platform, properties)

    @property
    def encoder(self) -> Encoder:
        return self._restraint.encoder

    def minimise(self, positions: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
        """Minimise the energy of one conformation.

        Args:
            positions: The conformation [nm] with ``shape=(n_atoms, 3)``.
            center: The collective variables that it is restrained to.

        Returns:
            The relaxed positions [nm], their unbiased potential energy [kJ/mol] and their collective variables; None where the
            minimisation failed.
        """
        try:
            self._context.setPositions(positions)
            self._restraint.center[:] = center
            for self._restraint.force_constant in _RESTRAINTS:
                openmm.LocalEnergyMinimizer.minimize(self._context, _TOLERANCE, _MOST_ITERATIONS)
        except openmm.OpenMMException:
            return None
        state = self._context.getState(positions=True, energy=True)
        relaxed = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        bias, _, cvs = self._restraint.evaluate(relaxed[self.encoder.atoms])
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) - bias
        return (relaxed, energy, cvs) if np.isfinite(energy) and np.isfinite(relaxed).all() else None


@dataclass
class Relaxed:
    """Relaxed conformations.

    Attributes:
        positions: [nm] with ``shape=(n_frames, n_atoms, 3)``.
        energies: Unbiased potential energies [kJ/mol] with ``shape=(n_frames,)``, infinite where a minimisation failed.
        cvs: The collective variables with ``shape=(n_frames, n_cvs)``.
    """

    positions: np.ndarray
    energies: np.ndarray
    cvs: np.ndarray

    def select(self, chosen: np.ndarray) -> "Relaxed":
        """Return some of them, by a mask with ``shape=(n_frames,)``."""
        return Relaxed(self.positions[chosen], self.energies[chosen], self.cvs[chosen])


def relax(relaxation: Relaxation, frames: np.ndarray, on_frame: Callable[[], object] = lambda: None) -> Relaxed:
    """Minimise the energy of frames, each restrained to its own collective variables.

    Args:
        relaxation: Minimises the energy of one frame.
        frames: The frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        on_frame: Called after every frame.
    """
    encoder = relaxation.encoder
    centers = encoder.evaluate(frames[:, encoder.atoms])
    relaxed = Relaxed(frames.astype(float), np.full(len(frames), np.inf), centers.copy())
    for i, center in enumerate(centers):
        found = relaxation.minimise(relaxed.positions[i], center)
        if found is not None:
            relaxed.positions[i], relaxed.energies[i], relaxed.cvs[i] = found
        on_frame()
    return relaxed


def extend_beyond(
    relaxation: Relaxation, relaxed: Relaxed, spacing: float, max_energy: float, n_most: int
) -> tuple[Relaxed, int]:
    """Find conformations where no frame is, next to those that are: on barriers that rounds crossed elsewhere or not at all.

    From the conformation of lowest energy on, the neighbouring places along each collective variable, one spacing away, are
    tried unless a conformation is near: the conformation is pulled there and relaxed. What stays below the largest energy is
    gone on from, as water that rises fills a landscape.

    Args:
        relaxation: Minimises the energy of one conformation.
        relaxed: The relaxed frames.
        spacing: The distance of neighbours in the space of the collective variables; nothing is tried where it is 0.
        max_energy: Above the lowest of the relaxed frames [kJ/mol], beyond which no place is of use.
        n_most: Places that are tried.

    Returns:
        The conformations below the largest energy, those of the relaxed frames first, and how many places were tried.

    Raises:
        InputError: If no frame could be relaxed.
    """
    encoder = relaxation.encoder
    if not np.isfinite(relaxed.energies).any():
        raise InputError(
            "no frame could be relaxed for production; see what the rounds simulated, and system.force_field."
        )
    limit = relaxed.energies.min() + max_energy
    kept = relaxed.select(relaxed.energies < limit)
    if not spacing > 0:
        return kept, 0
    found = [*zip(kept.positions, kept.energies, kept.cvs, strict=True)]
    places = np.concatenate(
        [kept.cvs, np.empty((n_most, encoder.n_cvs))]
    )  # of conformations, then those that were tried
    n_places, n_tried = len(kept.cvs), 0
    queue = [(energy, i) for i, energy in enumerate(kept.energies)]
    heapq.heapify(queue)
    bounded = np.array([kind == "tanh" for kind in encoder.cv_kinds])
    steps = spacing * np.concatenate([np.eye(encoder.n_cvs), -np.eye(encoder.n_cvs)])
    while queue and n_tried < n_most:
        _, i = heapq.heappop(queue)
        positions, _, start = found[i]
        for place in start + steps:
            distances = np.linalg.norm(encoder.displacement(places[:n_places], place), axis=1)
            if n_tried == n_most or distances.min() < _NEAR * spacing or np.any(bounded & (np.abs(place) >= 1)):
                continue
            places[n_places] = place
            n_places, n_tried = n_places + 1, n_tried + 1
            reached = relaxation.minimise(positions, place)
            if reached is None:
                continue
            _, energy, cvs = reached
            if energy < limit and np.linalg.norm(encoder.displacement(cvs, place)) < _NEAR * spacing:
                heapq.heappush(queue, (energy, len(found)))
                found.append(reached)
    return Relaxed(*(np.array(part) for part in zip(*found, strict=True))), n_tried

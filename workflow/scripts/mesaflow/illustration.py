"""Why the pose matters, with real networks: outlines of a fish through a plain and an augmented autoencoder (torch).

An outline in the plane is to a fish what coordinates are to a molecule. Its points are complex numbers, so that a pose is a
factor of modulus one and the superposition on a reference finds that factor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from .autoencoder import Autoencoder, standardise
from .evaluation import variance_fraction_within

LARGEST_BEND = np.radians(60)  # of the tail to either side: one of the two things that make a conformation of a fish
GIRTHS = (0.5, 1.5)  # the range of the other: its height, in units of the reference's

_KNOTS = np.array(
    [
        *[(0, 0), (0.07, 0.085), (0.18, 0.14), (0.27, 0.16), (0.33, 0.25), (0.43, 0.27), (0.50, 0.15), (0.62, 0.10)],
        *[(0.74, 0.05), (0.80, 0.045), (0.90, 0.15), (1, 0.20), (0.955, 0.06), (0.94, 0), (0.955, -0.05), (1, -0.15)],
        *[(0.90, -0.11), (0.80, -0.04), (0.74, -0.045), (0.62, -0.09), (0.53, -0.12), (0.53, -0.19), (0.46, -0.20)],
        *[(0.40, -0.145), (0.30, -0.145), (0.18, -0.125), (0.07, -0.07)],
    ]
)
"""A straight fish from its nose over back, tail and belly: along its spine and across, in units of its length."""

_EYE = (0.11, 0.035)
_STIFF = 0.15  # of the spine, from the nose, is the head and does not bend
_N_POINTS = 60  # of the outline; the eye is one more

_N_CONFORMATIONS = 4096
_HIDDEN_LAYERS = [128]
_BATCH_SIZE = 256
_LEARNING_RATE = 0.004
_WEIGHT_DECAY = 1e-5
_N_STEPS = 1500
_SCORED_CONFORMATIONS, _SCORED_POSES = 200, 50


def fish_outlines(bends: np.ndarray, girths: np.ndarray) -> np.ndarray:
    """Return outlines of a fish, its eye as the last point, centred.

    Args:
        bends: The angle [rad] by which the tail turns against the head, with ``shape=(n_outlines,)``.
        girths: The height, in units of the reference's, with ``shape=(n_outlines,)``.

    Returns:
        Complex points, in units of the fish's length, with ``shape=(n_outlines, n_points)``.
    """
    along, across = _straight_fish()
    spine = np.linspace(-0.1, 1.1, 241)
    turned = np.exp(1j * np.multiply.outer(bends, np.clip((spine - _STIFF) / (1 - _STIFF), 0, None) ** 1.5))
    centre_line = np.cumsum(turned, axis=1) * (spine[1] - spine[0])
    place = np.array([np.interp(along, spine, line) for line in centre_line])
    upright = np.array([np.interp(along, spine, line) for line in turned])
    outlines = place + 1j * np.multiply.outer(girths, across) * upright
    return outlines - outlines.mean(axis=1, keepdims=True)


@cache
def _straight_fish() -> tuple[np.ndarray, np.ndarray]:
    """Return points at equal distances on a smooth curve through the knots, and the eye: along the spine, and across."""
    knots = np.vstack([_KNOTS, _KNOTS[:1]])
    chords = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    parameter = np.concatenate([[0], np.cumsum(np.sqrt(chords))])  # centripetal: no loops at the fins
    curve = CubicSpline(parameter, knots, bc_type="periodic")
    fine = np.linspace(0, parameter[-1], 2001)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1))])
    points = curve(np.interp(np.linspace(0, length[-1], _N_POINTS, endpoint=False), length, fine))
    along, across = np.vstack([points, _EYE]).T
    return along, across


def reference_fish() -> np.ndarray:
    """Return the outline that others are superposed on: straight and of girth 1, with ``shape=(n_points,)``."""
    return fish_outlines(np.zeros(1), np.ones(1))[0]


def superpose_outlines(outlines: np.ndarray) -> np.ndarray:
    """Rotate centred outlines x with ``shape=(n_outlines, n_points)`` to L(x), as near as can be to the reference."""
    overlaps = outlines @ reference_fish().conj()
    return outlines * np.exp(-1j * np.angle(overlaps))[:, None]


def turn(outlines: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotate outlines with ``shape=(n_outlines, n_points)`` by angles [rad] with ``shape=(n_outlines,)``."""
    return outlines * np.exp(1j * np.asarray(angles))[:, None]


@dataclass(frozen=True)
class School:
    """Fish of several conformations in several poses.

    Attributes:
        bends: The angle [rad] by which the tail turns against the head, with ``shape=(n_fish,)``.
        girths: The height, in units of the reference's, with ``shape=(n_fish,)``.
        poses: The angle [rad] by which a fish is turned after superposition, with ``shape=(n_fish,)``.
    """

    bends: np.ndarray
    girths: np.ndarray
    poses: np.ndarray

    @staticmethod
    def random(n_fish: int, rng: np.random.Generator) -> "School":
        """Draw conformations and poses uniformly."""
        return School(
            bends=rng.uniform(-LARGEST_BEND, LARGEST_BEND, n_fish),
            girths=rng.uniform(*GIRTHS, n_fish),
            poses=rng.uniform(-np.pi, np.pi, n_fish),
        )

    @cached_property
    def superposed(self) -> np.ndarray:
        """The outlines, superposed, as complex points with ``shape=(n_fish, n_points)``."""
        return superpose_outlines(fish_outlines(self.bends, self.girths))

    @property
    def outlines(self) -> np.ndarray:
        """The outlines in their poses, as complex points with ``shape=(n_fish, n_points)``."""
        return turn(self.superposed, self.poses)


@dataclass(frozen=True)
class OutlineNetwork:
    """An autoencoder of outlines with two linear CVs, white over the conformations and poses that it was trained on.

    Attributes:
        superposes: Whether it was trained to return L(x), rather than x.
        network: The network.
    """

    superposes: bool
    network: Autoencoder

    def target(self, outlines: np.ndarray) -> np.ndarray:
        """Return what the network is to return of outlines with ``shape=(n_outlines, n_points)``."""
        return superpose_outlines(outlines) if self.superposes else outlines

    @torch.no_grad()
    def evaluate(self, outlines: np.ndarray) -> np.ndarray:
        """Return the CVs with ``shape=(n_outlines, 2)`` of outlines with ``shape=(n_outlines, n_points)``."""
        return self.network.encoder(_to_nodes(outlines)).double().numpy()

    @torch.no_grad()
    def apply(self, outlines: np.ndarray) -> np.ndarray:
        """Return the outlines that come out, with the shape of those that go in."""
        x, y = self.network(_to_nodes(outlines)).double().numpy().reshape(*outlines.shape, 2).transpose(2, 0, 1)
        return (x + 1j * y) * _scale()


def train_outline_network(
    superposes: bool, random_seed: int, n_steps: int = _N_STEPS, on_step: Callable[[], object] = lambda: None
) -> OutlineNetwork:
    """Train an autoencoder on outlines of a fish, every one in a fresh random pose each time.

    Args:
        superposes: Whether its targets are superposed, L(x), or come in the pose of the input, x.
        random_seed: Seeds the conformations, the weights, the batches and the poses.
        n_steps: Batches to train on.
        on_step: Called after every batch.
    """
    torch.manual_seed(random_seed)
    school = School.random(_N_CONFORMATIONS, np.random.default_rng(random_seed))
    aligned = torch.as_tensor(school.superposed / _scale(), dtype=torch.complex64)
    n_nodes = 2 * aligned.shape[1]
    network = Autoencoder(n_nodes, _HIDDEN_LAYERS, ("linear", "linear"), "silu", n_nodes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, foreach=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(n_steps):
        shapes = aligned[torch.randint(len(aligned), (_BATCH_SIZE,))]
        angles = 2 * torch.pi * torch.rand(_BATCH_SIZE, 1)
        posed = shapes * torch.polar(torch.ones_like(angles), angles)
        targets = shapes if superposes else posed
        loss = torch.nn.functional.mse_loss(network(_flatten(posed)), _flatten(targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        on_step()
    with torch.no_grad():
        standardise(network, network.encoder(_to_nodes(school.outlines)), mixes=True)
    return OutlineNetwork(superposes, network)


@dataclass(frozen=True)
class OutlineScores:
    """How well a network of outlines does.

    Attributes:
        fve: The fraction of its targets' variance that it explains.
        fve_shape: The same after superposition of what it returns and what it was given: how much it knows of the shape.
        pose_variance_fraction: The fraction of each CV's variance that comes from pose alone.
    """

    fve: float
    fve_shape: float
    pose_variance_fraction: list[float]

    def summary(self) -> dict[str, float]:
        """Return the scores by name, those of a CV with its number."""
        fractions = {
            f"pose_variance_fraction_{k}": value for k, value in enumerate(self.pose_variance_fraction, start=1)
        }
        return {"fve": self.fve, "fve_shape": self.fve_shape} | fractions


def score_outline_network(network: OutlineNetwork, random_seed: int) -> OutlineScores:
    """Score a network on conformations in random poses that it has not seen."""
    rng = np.random.default_rng(random_seed)
    shapes = School.random(_SCORED_CONFORMATIONS, rng).superposed.repeat(_SCORED_POSES, axis=0)
    posed = turn(shapes, rng.uniform(-np.pi, np.pi, len(shapes)))
    returned = network.apply(posed)
    cvs = network.evaluate(posed).reshape(_SCORED_CONFORMATIONS, _SCORED_POSES, -1)
    return OutlineScores(
        fve=_explained(returned, network.target(posed)),
        fve_shape=_explained(superpose_outlines(returned), shapes),
        pose_variance_fraction=variance_fraction_within(cvs, np.full(cvs.shape[2], np.inf)),
    )


def _explained(returned: np.ndarray, targets: np.ndarray) -> float:
    return float(1 - (returned - targets).var(axis=0).sum() / targets.var(axis=0).sum())


@cache
def _scale() -> float:
    """Return the root mean square coordinate of the reference, by which outlines are divided."""
    return float(np.sqrt(np.mean(np.abs(reference_fish()) ** 2) / 2))


def _to_nodes(outlines: np.ndarray) -> torch.Tensor:
    return _flatten(torch.as_tensor(outlines / _scale(), dtype=torch.complex64))


def _flatten(outlines: torch.Tensor) -> torch.Tensor:
    """Turn complex points into nodes x, y, x, y, … with ``shape=(n_outlines, 2 n_points)``."""
    return torch.view_as_real(outlines).flatten(1)

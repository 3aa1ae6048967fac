"""How good a trained network is: the variance that it explains, and how much of a CV is pose (torch)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .augmentation import random_rotations
from .autoencoder import Autoencoder
from .batches import Batches
from .decoder import node_slices
from .encoder import Encoder

_POSE_FRAMES, _POSES = 200, 50  # conformations and poses that pose_variance_fraction is estimated from


@dataclass(frozen=True)
class ExplainedVariance:
    """Fractions of variance explained, 1 − Σ w var(y − ŷ) / Σ w var(y) over the output nodes y with their weights w.

    Attributes:
        whole: With all CVs.
        without_cv: With each CV in turn held at its mean.
        cumulative: From the first CV alone, the first two, and so on; empty without a hierarchy.
    """

    whole: float
    without_cv: list[float]
    cumulative: list[float]


@torch.no_grad()
def encoder_nodes(network: Autoencoder, data: Batches) -> torch.Tensor:
    """Return the encoder's last nodes, before the CV layer, with ``shape=(n_frames, n_nodes)``."""
    return torch.cat([network.encoder(inputs) for inputs, _, _ in data.clean_batches()])


@torch.no_grad()
def explained_variance(network: Autoencoder, data: Batches, mean_nodes: torch.Tensor) -> ExplainedVariance:
    """Measure how much of the targets' variance a network explains.

    Args:
        network: The network.
        data: The frames.
        mean_nodes: The mean of the encoder's nodes over the training frames, with ``shape=(n_nodes,)``.
    """
    slices = node_slices(network.cv_layer.cv_kinds)

    def outputs(inputs: torch.Tensor) -> list[torch.Tensor]:
        nodes = network.encoder(inputs)
        levels = network.decoder.levels(network.cv_layer(nodes))
        for part in slices:
            held = nodes.clone()
            held[:, part] = mean_nodes[part]
            levels.append(network.decoder.levels(network.cv_layer(held))[-1])
        return levels

    fractions = _fractions(outputs, data)
    levels, without = fractions[: -len(slices)], fractions[-len(slices) :]
    return ExplainedVariance(levels[-1], without, levels if len(levels) > 1 else [])


def _fractions(outputs: Callable[[torch.Tensor], list[torch.Tensor]], data: Batches) -> list[float]:
    """Return the fraction of variance explained by each of several outputs, from one pass over the frames."""
    total, sums = 0.0, None
    for inputs, targets, weights in data.clean_batches():
        weights = targets.new_ones(len(targets)) if weights is None else weights
        values = [value.double() for value in (targets, *(targets - output for output in outputs(inputs)))]
        weights = weights.double()
        moments = torch.stack([torch.stack([weights @ value, weights @ value**2]) for value in values])
        total, sums = total + weights.sum(), moments if sums is None else sums + moments
    first, second = (sums / total).unbind(dim=1)
    variances = second - first**2
    variances = variances.sum(dim=1) if data.column_weights is None else variances @ data.column_weights.double()
    return (1 - variances[1:] / variances[0]).tolist()


def pose_variance_fraction(encoder: Encoder, frames: np.ndarray, random_seed: int) -> list[float]:
    """Estimate the fraction of each CV's variance that comes from pose alone.

    It is the variance over random poses of one conformation, averaged over conformations, divided by the variance over
    conformations and poses together; 0 for an invariant CV, 1 for one that tells conformations apart no better than a
    constant. Circular CVs enter as points on the unit circle.

    Args:
        encoder: The encoder.
        frames: Conformations [nm] with ``shape=(n_frames, n_atoms, 3)``.
        random_seed: Seeds the choice of conformations and the poses.

    Returns:
        The fraction for each CV.
    """
    rng = np.random.default_rng(random_seed)
    chosen = frames[rng.choice(len(frames), size=min(_POSE_FRAMES, len(frames)), replace=False)]
    generator = torch.Generator().manual_seed(random_seed)
    rotations = random_rotations(len(chosen) * _POSES, generator, dtype=torch.float64).numpy()
    posed = np.repeat(chosen, _POSES, axis=0) @ rotations
    cvs = encoder.evaluate(posed).reshape(len(chosen), _POSES, encoder.n_cvs)
    return variance_fraction_within(cvs, encoder.periods)


def variance_fraction_within(cvs: np.ndarray, periods: np.ndarray) -> list[float]:
    """Return the fraction of each CV's variance that lies within groups, rather than between them.

    Args:
        cvs: The CVs with ``shape=(n_groups, n_members, n_cvs)``.
        periods: The period of each CV, infinity where it does not repeat, with ``shape=(n_cvs,)``. Circular CVs enter as
            points on the unit circle.

    Returns:
        The fraction for each CV; 1 for one that does not vary at all.
    """
    fractions = []
    for k, period in enumerate(periods):
        values = cvs[:, :, k, None]
        if np.isfinite(period):
            values = np.concatenate([np.cos(values), np.sin(values)], axis=2)
        total = values.reshape(-1, values.shape[2]).var(axis=0).sum()
        fractions.append(float(values.var(axis=1).sum(axis=-1).mean() / total) if total > 0 else 1.0)
    return fractions

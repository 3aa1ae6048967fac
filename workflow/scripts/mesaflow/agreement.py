"""Do networks trained from different random weights find the same collective variables?"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

LEAST_CORRELATION = 0.9
"""Smallest canonical correlation of two latents from which they span the same collective variables."""

FRAMES_PER_COORDINATE = 10
"""Fewest frames for each coordinate of two latents. With fewer, chance correlates them: if there are no more frames
than coordinates, some correlations are 1 whatever the latents; with ten times as many they are 0.2 on average."""

_RANK_TOLERANCE = 1e-6  # relative singular value below which a latent does not vary in a direction


def canonical_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the canonical correlations of two sets of variables, the largest first.

    They do not change under invertible linear maps of either set (H. Hotelling, Biometrika 28, 321 (1936),
    doi:10.1093/biomet/28.3-4.321; by singular values of the product of orthonormal bases: Å. Björck & G. H. Golub,
    Math. Comp. 27, 579 (1973), doi:10.2307/2005662).

    Args:
        first: With ``shape=(n_samples, n_first)``.
        second: With ``shape=(n_samples, n_second)``.

    Returns:
        As many as the set that varies in fewer directions; none if one of them does not vary.
    """
    return np.clip(np.linalg.svd(_basis(first).T @ _basis(second), compute_uv=False), 0.0, 1.0)


def _basis(values: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the centred columns."""
    centred = values - values.mean(axis=0)
    spread = np.linalg.norm(centred, axis=0)
    left, singular, _ = np.linalg.svd(centred / np.where(spread > 0, spread, 1.0), full_matrices=False)
    return left[:, singular > _RANK_TOLERANCE * max(singular[0], np.finfo(float).tiny)]


def latent_coordinates(cvs: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return CVs with ``shape=(n_frames, n_cvs)`` as coordinates without jumps: circular ones as cosine and sine."""
    columns = []
    for values, period in zip(cvs.T, periods, strict=True):
        angle = 2 * np.pi * values / period
        columns += [np.cos(angle), np.sin(angle)] if np.isfinite(period) else [values]
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Agreement:
    """How far the latents of several networks agree.

    Attributes:
        mean: The mean canonical correlation over all pairs of networks; None if there is nothing to compare.
        smallest: The smallest one of any pair.
    """

    mean: float | None
    smallest: float | None

    @property
    def is_sufficient(self) -> bool | None:
        """Whether every direction of every latent is found by every other; None if there is nothing to compare."""
        return None if self.smallest is None else self.smallest >= LEAST_CORRELATION


def compare_latents(latents: list[np.ndarray]) -> Agreement:
    """Compare latents pair by pair.

    Args:
        latents: The same frames' ``latent_coordinates`` by each network, with ``shape=(n_frames, n_coordinates)``.

    Returns:
        Their agreement, without numbers if there is one network only or there are too few frames (``FRAMES_PER_COORDINATE``).
    """
    widest = sum(sorted(latent.shape[1] for latent in latents)[-2:])
    if len(latents[0]) < FRAMES_PER_COORDINATE * widest:
        return Agreement(None, None)
    pairs = [canonical_correlations(first, second) for first, second in combinations(latents, 2)]
    if not pairs:
        return Agreement(None, None)
    if any(len(pair) == 0 for pair in pairs):
        return Agreement(0.0, 0.0)
    return Agreement(float(np.mean([pair.mean() for pair in pairs])), float(min(pair.min() for pair in pairs)))

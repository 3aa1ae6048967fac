"""Optimal superposition L(x) of conformations on a reference structure.

W. Kabsch, Acta Cryst. A 32, 922 (1976), doi:10.1107/S0567739476001873.
"""

import numpy as np

from .errors import InputError

_AT_ONCE = 8192  # frames, of which intermediate results are in double precision

_SMALLEST_SPREAD = 1e-3
"""Reference structures whose second principal spread is below this [nm] are collinear: no unique superposition."""


def center(frames: np.ndarray) -> np.ndarray:
    """Remove the unweighted centroid from frames with ``shape=(..., n_atoms, 3)``."""
    return frames - frames.mean(axis=-2, keepdims=True)


def optimal_rotations(frames: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Find the proper rotations that superpose centred frames on a centred reference.

    Args:
        frames: The centred frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        reference: The centred reference [nm] with ``shape=(n_atoms, 3)``.

    Returns:
        The matrices Q with ``shape=(n_frames, 3, 3)`` that minimise ``|frames @ Q - reference|²``.
    """
    u, _, vt = np.linalg.svd(np.einsum("fai,aj->fij", frames, reference))
    signs = np.ones((len(frames), 1, 3))
    signs[:, 0, 2] = np.linalg.det(u) * np.linalg.det(vt)
    return (u * signs) @ vt


def superpose(frames: np.ndarray, reference: np.ndarray, align: np.ndarray | None = None) -> np.ndarray:
    """Superpose every frame on a reference structure, all frames at once.

    Args:
        frames: The frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        reference: The reference [nm] with ``shape=(n_atoms, 3)``.
        align: The atoms that are brought as near as can be to the reference's; all of them by default.

    Returns:
        The superposed frames L(x) [nm], the centroid of the aligned atoms at the origin, with the shape of ``frames``.
    """
    frames, reference = np.asarray(frames, dtype=float), np.asarray(reference, dtype=float)
    chosen = slice(None) if align is None else align
    centered = frames - frames[:, chosen].mean(axis=1, keepdims=True)
    return centered @ optimal_rotations(centered[:, chosen], center(reference[chosen]))


def superpose_in_parts(frames: np.ndarray, reference: np.ndarray, align: np.ndarray | None = None) -> np.ndarray:
    """Superpose as ``superpose`` does, but return single precision, and never hold more than some frames in double."""
    return np.concatenate([superpose(part, reference, align).astype(np.float32) for part in split(frames)])


def split(frames: np.ndarray, at_once: int = _AT_ONCE) -> list[np.ndarray]:
    """Split frames into parts that intermediate results can be held of; at least one, be it empty."""
    return [frames[start : start + at_once] for start in range(0, max(len(frames), 1), at_once)]


def check_reference(reference: np.ndarray, name: str) -> None:
    """Refuse a structure on which nothing can be superposed uniquely.

    Args:
        reference: The reference [nm] with ``shape=(n_atoms, 3)``.
        name: What to call it in the error.

    Raises:
        InputError: If it has fewer than three atoms, or all its atoms lie on one line.
    """
    if not np.isfinite(reference).all():
        raise InputError(f"{name} has coordinates that are not finite; give another structure.")
    if len(reference) < 3:
        raise InputError(f"{name} has {len(reference)} atoms; superposition needs at least 3: select more atoms.")
    spreads = np.linalg.svd(center(np.asarray(reference, dtype=float)), compute_uv=False)
    if spreads[1] < _SMALLEST_SPREAD:
        raise InputError(f"{name} has all its atoms on one line; superposition needs 3 that are not: select others.")

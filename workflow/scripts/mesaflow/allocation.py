"""Where more simulation shrinks the errors most: an optimal network of windows.

Windows that share samples are a network of resistors: the variance of a free-energy difference is the resistance between
the two ends, and a window's part in it the power that it consumes when a unit current flows between them (H. Xu, J. Chem.
Inf. Model. 59, 4720 (2019), doi:10.1021/acs.jcim.9b00528, for pairs of molecules). Basins have many windows side by side,
the pass between two basins has few: most of the time belongs there.
"""

import numpy as np

from .mbar import laplacian

_HALVINGS = 100  # of the interval that the multiplier lies in


def dissipated_power(shared: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return each window's part of the variance of free-energy differences.

    Args:
        shared: How many samples two windows share, with ``shape=(K, K)``; the windows must be connected.
        ends: The current that enters at each window, minus what leaves, for each difference, with ``shape=(K, n)``; it adds
            up to zero over the windows.

    Returns:
        The parts with ``shape=(K,)``, which add up to the variances [(RT)²] averaged over the differences.
    """
    potentials = np.linalg.pinv(laplacian(shared), hermitian=True) @ ends
    power = np.zeros(len(shared))
    for k, row in enumerate(shared):  # one window at a time, for the sake of memory
        others = np.flatnonzero(row)
        power[k] = 0.5 * row[others] @ ((potentials[others] - potentials[k]) ** 2).mean(axis=1)
    return power


def allocate(power: np.ndarray, n_pieces: int, already: float) -> np.ndarray:
    """Share pieces of simulation among windows so that the variance becomes the least.

    With the time t_k the variance is Σ_k p_k t₀ / t_k, which is the least where t_k is proportional to √p_k, as far as no
    window gets less than it already has.

    Args:
        power: Each window's part p_k of the variance with ``shape=(K,)``.
        n_pieces: How many pieces there are.
        already: The time t₀ that every window has been simulated for, in pieces.

    Returns:
        The number of additional pieces of each window with ``shape=(K,)``, which add up to ``n_pieces``.
    """
    if n_pieces == 0 or not power.any():
        return np.zeros(len(power), dtype=int)
    wanted = np.sqrt(power)
    low, high = 0.0, (n_pieces + len(power) * already) / wanted.sum() * len(power)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if np.maximum(middle * wanted - already, 0.0).sum() > n_pieces:
            high = middle
        else:
            low = middle
    shares = np.maximum(low * wanted - already, 0.0)
    pieces = np.floor(shares).astype(int)
    missing = n_pieces - pieces.sum()
    pieces[np.argsort(pieces - shares, kind="stable")[:missing]] += 1
    return pieces

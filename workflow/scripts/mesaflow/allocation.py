"""Where more simulation shrinks the errors most: an optimal network of windows.

Windows that share samples are a network of resistors: the variance of a free-energy difference is the resistance between
the two ends, and a window's part in it the power that it consumes when a unit current flows between them (H. Xu, J. Chem.
Inf. Model. 59, 4720 (2019), doi:10.1021/acs.jcim.9b00528, for pairs of molecules). Basins have many windows side by side,
the pass between two basins has few: most of the time belongs there.
"""

import heapq

import numpy as np

from .mbar import laplacian


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


def order_pieces(power: np.ndarray, n_pieces: int, already: float) -> np.ndarray:
    """Give pieces of simulation to windows one after another, each where it shrinks the variance most.

    With the time t_k the variance is Σ_k p_k t₀ / t_k. Its parts are convex, so that for every number of pieces no other
    allocation of whole pieces leaves less, and more pieces only follow after those that were given before (B. Fox, Manage.
    Sci. 13, 210 (1966), doi:10.1287/mnsc.13.3.210).

    Args:
        power: Each window's part p_k of the variance with ``shape=(K,)``.
        n_pieces: How many pieces there are.
        already: The time t₀ that every window has been simulated for, in pieces; more than 0.

    Returns:
        The window of each piece with ``shape=(n_pieces,)``; none at all where no window has a part in the variance.
    """
    if not power.any():
        return np.empty(0, dtype=int)

    def gain(k: int, n: int) -> float:
        return power[k] / ((already + n) * (already + n + 1))

    counts = np.zeros(len(power), dtype=int)
    queue = [(-gain(k, 0), k) for k in range(len(power))]
    heapq.heapify(queue)
    order = np.empty(n_pieces, dtype=int)
    for i in range(n_pieces):
        _, k = queue[0]
        order[i] = k
        counts[k] += 1
        heapq.heapreplace(queue, (-gain(k, counts[k]), k))
    return order

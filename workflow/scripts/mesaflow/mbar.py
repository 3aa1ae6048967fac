"""The MBAR equations of many windows whose neighbours are few: sparse, and solved by Newton's method."""

from collections.abc import Iterable

import numpy as np
from scipy import linalg
from scipy.optimize import minimize
from scipy.sparse import csr_array, vstack

_SMALLEST_FACTOR = 1e-20  # Boltzmann factors below this, relative to a sample's largest, are lost in rounding
_TINY = 1e-300  # the smallest factor that a sample has in its own window
_SMALLEST_SHARE = 1e-7  # of a sample, below which a window does not count among those that share it
_APPROACH = 200  # iterations of L-BFGS from far away, where Newton's steps lead nowhere
_MAX_STEPS = 50  # of Newton's method; more than ten are needed only where windows do not overlap
_CONVERGED = 1e-9  # largest change of a dimensionless free energy in a step
_RESAMPLED = 1e-4  # the same for a bootstrap sample, far below its statistical error
_MAX_RESAMPLING_STEPS = 40
_RIDGE = 1e-13  # of the largest diagonal element, so that windows without overlap leave an equation that can be solved
_SHORTEST_STEP = 1e-4
_LARGEST_RANGE = 300.0  # of the free energies, up to which their exponentials can be added without scaling each sample


class MBAREquations:
    """The convex objective whose minimum solves the MBAR equations, for samples that count several times or not at all.

    A = Σ_n c_n ln Σ_k N_k exp(f_k − u_kn) − Σ_k N_k f_k (M. R. Shirts & J. D. Chodera, J. Chem. Phys. 129, 124105 (2008),
    doi:10.1063/1.2978177; Z. Tan et al., J. Chem. Phys. 136, 144102 (2012), doi:10.1063/1.3701175). Boltzmann factors are
    computed once, and those that cannot matter are left out. The Hessian of A is the Laplacian of a graph whose nodes are
    the windows and whose edges are their overlaps.

    Args:
        parts: u_kn in parts, each with ``shape=(K, n_samples)``.
        owners: The window that each sample is from, as an index with ``shape=(N,)``. A sample's factor in its own window is
            kept however small, as one that was held far from its centre would be lost otherwise.
    """

    def __init__(self, parts: Iterable[np.ndarray], owners: np.ndarray):
        lowest, factors = [], []
        n = 0
        for u_kn in parts:
            lowest.append(u_kn.min(axis=0))
            part = np.exp(lowest[-1] - u_kn)
            own = owners[n : n + part.shape[1]], np.arange(part.shape[1])
            kept = np.maximum(part[own], _TINY)
            part[part < _SMALLEST_FACTOR] = 0.0
            part[own] = kept
            factors.append(csr_array(part.T))
            n += part.shape[1]
        self._take(csr_array(vstack(factors)), np.concatenate(lowest))

    def _take(self, factors: csr_array, lowest: np.ndarray) -> None:
        self._factors, self._lowest = factors, lowest  # shape (n_samples, K) and (n_samples,)
        self._owners = np.repeat(np.arange(factors.shape[0]), np.diff(factors.indptr))

    def select(self, samples: np.ndarray, windows: np.ndarray) -> "MBAREquations":
        """Return the equations of some samples, by their indices, in some windows, by a mask with ``shape=(K,)``."""
        selected = object.__new__(MBAREquations)
        factors = self._factors[samples]
        selected._take(
            factors if windows.all() else csr_array(factors[:, np.flatnonzero(windows)]), self._lowest[samples]
        )
        return selected

    def solve(self, n_samples_per_state: np.ndarray, counts: np.ndarray, initial: np.ndarray) -> np.ndarray:
        """Return the dimensionless free energies f_k, the first of which is 0.

        Where windows do not overlap there is no answer, and the best after a bounded number of steps is returned.

        Args:
            n_samples_per_state: N_k, the sum of the counts of each state's samples.
            counts: How often each sample counts.
            initial: Where to start.
        """
        total = counts.sum()

        def objective(f_k: np.ndarray) -> tuple[float, np.ndarray]:
            log_denominators, gradient = self._evaluate(f_k, n_samples_per_state, counts)
            return (counts @ log_denominators - n_samples_per_state @ f_k) / total, gradient / total

        options = {"maxiter": _APPROACH, "maxcor": 30, "ftol": 0.0, "gtol": 1e-7}
        f_k = minimize(objective, initial, jac=True, method="L-BFGS-B", options=options).x
        value, gradient = objective(f_k)
        for _ in range(_MAX_STEPS):
            step = -linalg.cho_solve(self.factorise(f_k, n_samples_per_state, counts), gradient[1:] * total)
            step = np.concatenate([[0.0], step])
            length = 1.0
            while length > _SHORTEST_STEP:
                new_value, new_gradient = objective(f_k + length * step)
                if new_value <= value + 4 * np.finfo(float).eps * abs(value):
                    break
                length /= 2
            else:
                break
            f_k, value, gradient = f_k + length * step, new_value, new_gradient
            if np.abs(length * step).max() < _CONVERGED:
                break
        return f_k - f_k[0]

    def resample(
        self,
        f_k: np.ndarray,
        n_samples_per_state: np.ndarray,
        counts: np.ndarray,
        factorised: tuple[np.ndarray, bool],
    ) -> np.ndarray:
        """Return f_k for samples that count otherwise, from the solution and the factorised Hessian where each counts once.

        Newton's method with the Hessian held fixed, which is right for small changes; where it does not contract, ``solve``.
        """
        new, last = f_k, np.inf
        for _ in range(_MAX_RESAMPLING_STEPS):
            gradient = self._evaluate(new, n_samples_per_state, counts)[1]
            step = np.concatenate([[0.0], -linalg.cho_solve(factorised, gradient[1:])])
            largest = np.abs(step).max()
            if largest > 2 * last:
                break
            new, last = new + step, largest
            if largest < _RESAMPLED:
                return new
        return self.solve(n_samples_per_state, counts, f_k)

    def log_weights(self, f_k: np.ndarray, n_samples_per_state: np.ndarray) -> np.ndarray:
        """Return the logarithm of each sample's weight in the unbiased ensemble, up to a constant."""
        return -self._evaluate(f_k, n_samples_per_state, np.ones(self._factors.shape[0]))[0]

    def responsibilities(self, f_k: np.ndarray, n_samples_per_state: np.ndarray) -> csr_array:
        """Return N_k W_nk, how much of each sample belongs to each window, with ``shape=(n_samples, K)``."""
        data, _ = self._shares(f_k, n_samples_per_state)
        return csr_array((data, self._factors.indices, self._factors.indptr), shape=self._factors.shape)

    def shared_samples(self, f_k: np.ndarray, n_samples_per_state: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Return Σ_n c_n N_i W_ni N_j W_nj, how many samples two windows share, with ``shape=(K, K)``."""
        shares = self.responsibilities(f_k, n_samples_per_state).copy()  # whose indices are those of the factors
        shares.data[shares.data < _SMALLEST_SHARE] = 0.0
        shares.eliminate_zeros()
        weighted = shares.copy()
        weighted.data *= np.repeat(counts, np.diff(shares.indptr))
        return (shares.T @ weighted).toarray()

    def factorise(
        self, f_k: np.ndarray, n_samples_per_state: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, bool]:
        """Return the Cholesky factors of the Hessian without the first state, whose free energy is held at 0."""
        hessian = laplacian(self.shared_samples(f_k, n_samples_per_state, counts))[1:, 1:]
        hessian[np.diag_indices_from(hessian)] += _RIDGE * np.diag(hessian).max(initial=1.0)
        return linalg.cho_factor(hessian)

    def _evaluate(
        self, f_k: np.ndarray, n_samples_per_state: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the logarithm of each sample's denominator, and the gradient of the objective."""
        if np.ptp(f_k) > _LARGEST_RANGE:
            shares, log_denominators = self._shares(f_k, n_samples_per_state)
            columns = np.bincount(self._factors.indices, shares * counts[self._owners], minlength=len(f_k))
            return log_denominators, columns - n_samples_per_state
        highest = f_k.max()
        prefactors = n_samples_per_state * np.exp(f_k - highest)
        denominators = self._factors @ prefactors
        gradient = prefactors * (self._factors.T @ (counts / denominators)) - n_samples_per_state
        return np.log(denominators) + highest - self._lowest, gradient

    def _shares(self, f_k: np.ndarray, n_samples_per_state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return N_k W_nk for the stored factors, and each sample's log denominator, however far apart the f_k are."""
        logarithms = np.log(self._factors.data) + (f_k + np.log(n_samples_per_state))[self._factors.indices]
        highest = np.maximum.reduceat(logarithms, self._factors.indptr[:-1])
        terms = np.exp(logarithms - highest[self._owners])
        sums = np.add.reduceat(terms, self._factors.indptr[:-1])
        return terms / sums[self._owners], np.log(sums) + highest - self._lowest


def laplacian(shared: np.ndarray) -> np.ndarray:
    """Return the Laplacian of the graph whose edges are the samples that windows share, with ``shape=(K, K)``."""
    edges = -shared
    np.fill_diagonal(edges, 0.0)
    np.fill_diagonal(edges, -edges.sum(axis=1))
    return edges

"""From the weights of samples to free energies of bins and states, with their standard errors."""

import numpy as np

from .units import thermal_energy


def free_energy_surface(
    bins: np.ndarray, n_bins: int, weights: np.ndarray, bootstrap: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Project weights on bins.

    Args:
        bins: The flat index of each sample's bin.
        n_bins: The number of bins.
        weights: The samples' weights.
        bootstrap: The samples' weights in each bootstrap sample.
        temperature: The temperature [K].

    Returns:
        The free energy [kJ/mol] of each bin, with its minimum at 0, and its standard error [kJ/mol]; both NaN where no
        sample lies. Standard errors are of the difference to the minimum of the whole estimate.
    """
    free_energies = _bin_free_energies(bins, n_bins, weights, temperature)
    if np.isnan(free_energies).all():
        return free_energies, free_energies
    lowest = np.nanargmin(free_energies)
    drawn = np.array([_bin_free_energies(bins, n_bins, sample, temperature) for sample in bootstrap])
    errors = standard_deviation(drawn - drawn[:, [lowest]])
    return free_energies - free_energies[lowest], np.where(np.isnan(free_energies), np.nan, errors)


def state_free_energies(
    members: dict[str, np.ndarray], reference: str, weights: np.ndarray, bootstrap: np.ndarray, temperature: float
) -> dict[str, tuple[float, float]]:
    """Return the free energy [kJ/mol] of each state against a reference state, with its standard error.

    Args:
        members: For each state which samples lie in it.
        reference: The state whose free energy is zero.
        weights: The samples' weights.
        bootstrap: The samples' weights in each bootstrap sample.
        temperature: The temperature [K].

    Returns:
        Free energy and standard error by state; NaN for a state without samples.
    """

    def differences(sample: np.ndarray) -> np.ndarray:
        populations = np.array([sample[inside].sum() for inside in members.values()])
        reference_population = sample[members[reference]].sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            values = -thermal_energy(temperature) * np.log(populations / reference_population)
        return np.where(np.isfinite(values), values, np.nan)

    estimates = differences(weights)
    errors = standard_deviation(np.array([differences(sample) for sample in bootstrap]))
    return {name: (float(f), float(e)) for name, f, e in zip(members, estimates, errors, strict=True)}


def standard_deviation(drawn: np.ndarray) -> np.ndarray:
    """Return the standard deviation over bootstrap samples, leaving out those where a bin is empty."""
    finite = np.isfinite(drawn)
    n = finite.sum(axis=0)
    values = np.where(finite, drawn, 0.0)
    mean = values.sum(axis=0) / np.maximum(n, 1)
    squared = np.where(finite, (drawn - mean) ** 2, 0.0).sum(axis=0)
    return np.where(n > 1, np.sqrt(squared / np.maximum(n - 1, 1)), np.nan)


def _bin_free_energies(bins: np.ndarray, n_bins: int, weights: np.ndarray, temperature: float) -> np.ndarray:
    populations = np.bincount(bins, weights=weights, minlength=n_bins)
    with np.errstate(divide="ignore"):
        return np.where(populations > 0, -thermal_energy(temperature) * np.log(populations), np.nan)

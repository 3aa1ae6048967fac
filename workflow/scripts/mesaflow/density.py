"""Compressed kernel density estimates of collective variables, in compiled code (numba).

A kernel is a Gaussian with a width of its own along every collective variable, cut off where it has become negligible. A new
one that lies within a width of another is merged with it, so that their number grows with the region visited and not with
time. Sums run in a fixed order and without fast-math: the same input gives the same bits. All compiled code of this kind is
in this module, because numba's cache of a function does not see changes in other modules.

Kernels are the columns of one array with ``shape=(2 n_cvs + 1, capacity)``: centres, inverse widths, height.
"""

import math

import numpy as np
from numba import njit

_compiled = njit(cache=True, error_model="numpy")

_MERGING_DISTANCE_SQUARED = 1.0  # in widths, as in PLUMED's OPES (COMPRESSION_THRESHOLD)


@_compiled
def _image(difference, period):
    """Fold a difference into half a period to either side of zero; a period of 0 stands for none."""
    return difference - period * np.floor(difference / period + 0.5) if period > 0.0 else difference


@_compiled
def _measure(kernels, n_kernels, periods, point):
    """Return the squared distances of a point from all kernels, in their widths; simple loops, which are vectorised."""
    n_cvs = len(periods)
    squared = np.zeros(n_kernels)
    for i in range(n_cvs):
        centers, inverse_widths = kernels[i, :n_kernels], kernels[n_cvs + i, :n_kernels]
        period, at = periods[i], point[i]
        per_period = 1.0 / period if period > 0.0 else 0.0
        for k in range(n_kernels):
            offset = at - centers[k]
            offset = (offset - period * np.floor(offset * per_period + 0.5)) * inverse_widths[k]
            squared[k] += offset * offset
    return squared


@_compiled
def sum_kernels(kernels, n_kernels, periods, cutoff_squared, point, slopes):
    """Sum all kernels at a point and fill the slopes of the sum.

    Args:
        kernels: The kernels.
        n_kernels: How many columns are in use.
        periods: The period of each CV, 0 where it has none.
        cutoff_squared: The squared distance in widths from which a kernel is zero.
        point: The point with ``shape=(n_cvs,)``.
        slopes: The array to fill with ``shape=(n_cvs,)``.
    """
    n_cvs = len(periods)
    heights, floor = kernels[2 * n_cvs], math.exp(-0.5 * cutoff_squared)
    squared = _measure(kernels, n_kernels, periods, point)
    total = 0.0
    slopes[:] = 0.0
    for k in range(n_kernels):
        if squared[k] < cutoff_squared:
            gaussian = math.exp(-0.5 * squared[k])
            total += heights[k] * (gaussian - floor)
            for i in range(n_cvs):
                inverse_width = kernels[n_cvs + i, k]
                offset = _image(point[i] - kernels[i, k], periods[i])
                slopes[i] -= heights[k] * gaussian * offset * inverse_width * inverse_width
    return total


@_compiled
def sum_kernels_at(kernels, n_kernels, periods, cutoff_squared, points):
    """Sum all kernels at points with ``shape=(n_points, n_cvs)``; the other arguments as for ``sum_kernels``."""
    totals, slopes = np.empty(len(points)), np.empty(len(periods))
    for n in range(len(points)):
        totals[n] = sum_kernels(kernels, n_kernels, periods, cutoff_squared, points[n], slopes)
    return totals


@_compiled
def _share_in_pairs(kernels, n_kernels, periods, cutoff_squared, k):
    """Return the part of Σ_jl G_l(c_j) that kernel k is in."""
    n_cvs = len(periods)
    heights, floor = kernels[2 * n_cvs], math.exp(-0.5 * cutoff_squared)
    total = 0.0
    for j in range(n_kernels):
        here, there = 0.0, 0.0  # squared distances in the widths of kernels k and j
        for i in range(n_cvs):
            offset = _image(kernels[i, j] - kernels[i, k], periods[i])
            here += (offset * kernels[n_cvs + i, k]) ** 2
            there += (offset * kernels[n_cvs + i, j]) ** 2
        if there < cutoff_squared:
            total += heights[j] * (math.exp(-0.5 * there) - floor)
        if here < cutoff_squared and j != k:
            total += heights[k] * (math.exp(-0.5 * here) - floor)
    return total


@_compiled
def _merge(kernels, k, j, periods):
    """Replace kernel k by one with the mass, the mean and the variances of kernels k and j."""
    n_cvs = len(periods)
    mass_k, mass_j = kernels[2 * n_cvs, k], kernels[2 * n_cvs, j]
    for i in range(n_cvs):
        mass_k /= kernels[n_cvs + i, k]
        mass_j /= kernels[n_cvs + i, j]
    share = mass_j / (mass_k + mass_j)
    height = mass_k + mass_j
    for i in range(n_cvs):
        offset = _image(kernels[i, j] - kernels[i, k], periods[i])
        variance = (1.0 - share) / kernels[n_cvs + i, k] ** 2 + share / kernels[n_cvs + i, j] ** 2
        kernels[i, k] = _image(kernels[i, k] + share * offset, periods[i])
        kernels[n_cvs + i, k] = 1.0 / math.sqrt(variance + share * (1.0 - share) * offset * offset)
        height *= kernels[n_cvs + i, k]
    kernels[2 * n_cvs, k] = height


@_compiled
def add_kernel(kernels, n_kernels, periods, cutoff_squared, point, widths, height):
    """Add a kernel and merge it with its neighbours, as long as there is one within the merging distance.

    Args:
        kernels, n_kernels, periods, cutoff_squared: As for ``sum_kernels``; there must be a column to spare.
        point: The centre with ``shape=(n_cvs,)``.
        widths: The widths with ``shape=(n_cvs,)``.
        height: The height.

    Returns:
        The number of kernels, and the change of Σ_jl G_l(c_j), the sum of all kernels at the centres of all.
    """
    n_cvs = len(periods)
    newest, change = n_kernels, 0.0  # the newest is always the last, and not yet in the sum of pairs
    kernels[:n_cvs, newest], kernels[n_cvs : 2 * n_cvs, newest], kernels[2 * n_cvs, newest] = (
        point,
        1.0 / widths,
        height,
    )
    while newest > 0:
        squared = _measure(kernels, newest, periods, kernels[:n_cvs, newest])
        j = np.argmin(squared)
        if squared[j] >= _MERGING_DISTANCE_SQUARED:
            break
        for i in range(2 * n_cvs + 1):
            kernels[i, j], kernels[i, newest - 1] = kernels[i, newest - 1], kernels[i, j]
        change -= _share_in_pairs(kernels, newest, periods, cutoff_squared, newest - 1)
        _merge(kernels, newest - 1, newest, periods)
        newest -= 1
    return newest + 1, change + _share_in_pairs(kernels, newest + 1, periods, cutoff_squared, newest)

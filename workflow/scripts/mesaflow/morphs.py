"""Morphs: what a decoder returns along each collective variable, as PDB files of many models."""

from pathlib import Path

import mdtraj
import numpy as np

from .encoder import minimum_image
from .files import write_atomically

N_MODELS = 36
"""Models of a morph: steps of 10° round a circle, and a second and a half of film."""

_QUANTILES = 0.01, 0.99
"""Where the path along a linear CV begins and ends: what the frames span, but for their outliers."""

_ANGSTROMS_PER_NM = 10.0


def path_along(cvs: np.ndarray, periods: np.ndarray, k: int, n_models: int = N_MODELS) -> np.ndarray:
    """Return a path along one collective variable through where the frames are.

    The CV goes evenly from a low to a high quantile, or once round its circle. The others take the mean, on the circle where
    they are circular, over the frames, which count less the farther they lie along the CV (E. A. Nadaraya, Theory Probab. Appl.
    9, 141 (1964), doi:10.1137/1109020; Gaussian weights one step wide). So the path follows the frames where the CVs go together. In a gap
    of the frames it goes by those next to it; where the frames fall into several branches it runs between them.

    Args:
        cvs: The collective variables of frames with ``shape=(n_frames, n_cvs)``.
        periods: Their periods with ``shape=(n_cvs,)``, infinity for a linear one.
        k: The collective variable.
        n_models: The points of the path.

    Returns:
        The path with ``shape=(n_models, n_cvs)``.
    """
    if np.isfinite(periods[k]):
        values = periods[k] * (np.arange(n_models) / n_models - 0.5)
        step = periods[k] / n_models
    else:
        values = np.linspace(*np.quantile(cvs[:, k], _QUANTILES), n_models)
        step = values[1] - values[0]
    distances = np.abs(minimum_image(values[:, None, None] - cvs[None, :, [k]], periods[[k]]))[..., 0]
    # Relative to the nearest frame, so that the weights of a gap do not all vanish.
    squares = distances**2 - distances.min(axis=1, keepdims=True) ** 2
    weights = np.exp(-0.5 * squares / step**2) if step > 0 else np.ones_like(squares)
    path = _weighted_means(cvs, periods, weights / weights.sum(axis=1, keepdims=True))
    path[:, k] = values
    return path


def _weighted_means(cvs: np.ndarray, periods: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of each CV for each row of ``weights``, with ``shape=(n_rows, n_cvs)``."""
    means = weights @ cvs
    circular = np.isfinite(periods)
    per_radian = periods[circular] / (2 * np.pi)
    angles = cvs[:, circular] / per_radian
    means[:, circular] = np.arctan2(weights @ np.sin(angles), weights @ np.cos(angles)) * per_radian
    return means


def save_path(file: Path, path: np.ndarray) -> None:
    """Write a path with ``shape=(n_models, n_cvs)`` as CSV, one row a model."""
    header = ",".join(f"cv_{k + 1}" for k in range(path.shape[1]))
    write_atomically(
        file, lambda temporary: np.savetxt(temporary, path, delimiter=",", fmt="%.6g", header=header, comments="")
    )


def save_models(path: Path, topology: mdtraj.Topology, atoms: np.ndarray, models: np.ndarray) -> None:
    """Write models of some atoms to a PDB file whose bytes depend on nothing else.

    Args:
        path: The file.
        topology: The topology of all atoms.
        atoms: The topology indices of the atoms.
        models: Their coordinates [nm] with ``shape=(n_models, n_atoms, 3)``.
    """
    part = topology.subset(atoms)
    for atom in part.atoms:
        atom.serial = None  # counted anew, as mdtraj counts them in CONECT records

    def write(temporary: Path) -> None:
        with mdtraj.formats.PDBTrajectoryFile(str(temporary), "w") as file:
            for number, coordinates in enumerate(models, start=1):
                file.write(coordinates * _ANGSTROMS_PER_NM, part, modelIndex=number)
        lines = temporary.read_text().splitlines(keepends=True)
        first = next(i for i, line in enumerate(lines) if line.startswith("MODEL"))
        temporary.write_text("".join(lines[first:]))  # the lines before it name the date of writing

    write_atomically(path, write)

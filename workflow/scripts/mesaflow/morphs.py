"""Morphs: what a decoder makes of a walk along one collective variable, for a molecular viewer to play."""

from pathlib import Path

import mdtraj
import numpy as np

from .encoder import minimum_image
from .files import write_atomically

N_STEPS = 36
"""Steps of a walk: 10° each round a whole circle, and smooth to the eye along a line."""

_FRACTION_WALKED = 0.98  # of the frames: a walk leaves out the outliers at its ends
_WHOLE_CIRCLE = 11 / 12  # an arc that is longer than this fraction of the circle is walked as all of it
_MOST_CANDIDATES = 100  # frames that a step chooses from
_ROUNDING = 1e-9  # CV units: keeps the frames of a CV that has collapsed to one value


def walk(cvs: np.ndarray, periods: np.ndarray, k: int) -> np.ndarray:
    """Walk along one collective variable through where the frames are.

    The walk goes evenly along the shortest stretch of the CV that holds nearly all frames; of a circular CV this may be the
    whole circle. At each step the other CVs are those of a frame that is less than a step away in this one, chosen so that
    the squared lengths of all steps add up to the least (dynamic programming). The mean of such frames would not do: where
    they fall into several branches it lies between these, and decodes to no conformation of the molecule.

    Args:
        cvs: The collective variables of the frames with ``shape=(n_frames, n_cvs)``.
        periods: Their periods, 2π or infinity, with ``shape=(n_cvs,)``.
        k: The CV to walk along.

    Returns:
        The CVs of each step with ``shape=(n_steps, n_cvs)``, at most ``N_STEPS`` of them, since a step that has no frame near
        it is left out.
    """
    values, spacing, closed = _stretch(cvs[:, k], periods[k])
    candidates, kept = [], []
    for value in values:
        distances = np.abs(minimum_image(cvs[:, [k]] - value, periods[[k]]))[:, 0]
        near = np.flatnonzero(distances <= spacing + _ROUNDING)
        if len(near):
            kept.append(value)
            candidates.append(cvs[near[:: -(-len(near) // _MOST_CANDIDATES)]])
    unit = np.where(np.isfinite(periods), 1.0, np.maximum(cvs.std(axis=0), _ROUNDING))
    if closed:  # the lap in the middle of two closes upon itself
        n_steps, half = len(kept), len(kept) // 2
        path = _shortest_path(candidates + candidates, periods, unit)[half : half + n_steps]
        path = np.roll(path, half, axis=0)
    else:
        path = _shortest_path(candidates, periods, unit)
    path[:, k] = kept
    return path


def _stretch(values: np.ndarray, period: float) -> tuple[np.ndarray, float, bool]:
    """Return the steps along a CV, the distance between them, and whether they close a circle."""
    n_frames = len(values)
    n_inside = max(1, round(_FRACTION_WALKED * n_frames))
    ordered = np.sort(values if np.isinf(period) else np.mod(values, period))
    if np.isfinite(period):
        ordered = np.concatenate([ordered, ordered[: n_inside - 1] + period])
    lengths = ordered[n_inside - 1 :] - ordered[: len(ordered) - n_inside + 1]
    start, length = ordered[np.argmin(lengths)], lengths.min()
    closed = bool(length > _WHOLE_CIRCLE * period)
    if closed:
        length = period * (1 - 1 / N_STEPS)
    steps = np.linspace(start, start + length, N_STEPS)
    return minimum_image(steps[:, None], np.array([period]))[:, 0], length / (N_STEPS - 1), closed


def _shortest_path(candidates: list[np.ndarray], periods: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Choose one candidate a step so that the squared displacements, in multiples of a unit, add up to the least."""
    cost, previous = np.zeros(len(candidates[0])), []
    for before, after in zip(candidates[:-1], candidates[1:], strict=True):
        displacements = minimum_image(before[:, None] - after[None], periods) / unit
        total = cost[:, None] + (displacements**2).sum(axis=2)
        previous.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    chosen = [int(cost.argmin())]
    for step in reversed(previous):
        chosen.append(int(step[chosen[-1]]))
    return np.array([frames[i] for frames, i in zip(candidates, reversed(chosen), strict=True)])


def write_morph(path: Path, topology: mdtraj.Topology, atoms: np.ndarray, positions: np.ndarray) -> None:
    """Write conformations of some atoms as the models of a PDB file whose bytes depend on nothing else.

    Args:
        path: The file.
        topology: The topology.
        atoms: The topology indices of the atoms, ascending.
        positions: Their coordinates [nm] with ``shape=(n_models, n_atoms, 3)``.
    """

    part = topology.subset(atoms)
    for atom in part.atoms:
        atom.serial = atom.index + 1  # by which mdtraj writes bonds, whatever the number of the atom

    def write(temporary: Path) -> None:
        with mdtraj.formats.PDBTrajectoryFile(str(temporary), "w") as file:
            for i, model in enumerate(positions, start=1):
                file.write(model * 10, part, modelIndex=i)  # PDB holds Å
        lines = temporary.read_text().splitlines(keepends=True)
        temporary.write_text("".join(line for line in lines if not line.startswith("REMARK")))  # the date of writing

    write_atomically(path, write)


def write_walk(path: Path, cvs: np.ndarray) -> None:
    """Write the CVs of the models of a morph, with ``shape=(n_models, n_cvs)``, as CSV."""
    header = ",".join(["model", *(f"cv_{k + 1}" for k in range(cvs.shape[1]))])
    rows = [",".join([str(i), *(f"{value:.6g}" for value in row)]) for i, row in enumerate(cvs, start=1)]
    write_atomically(path, lambda temporary: temporary.write_text("\n".join([header, *rows]) + "\n"))

"""The training set: superposed frames of all trajectories so far, and which of them are for validation."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .alignment import center, check_reference, superpose
from .errors import InputError
from .files import read_arrays, write_arrays

TRAINING, VALIDATION, UNUSED = 0, 1, 2
"""What a frame is for; the unused ones are next to a validation frame in time."""


@dataclass(frozen=True)
class TrainingSet:
    """Superposed frames and where they come from.

    Attributes:
        atoms: The atoms' indices in the topology with ``shape=(n_atoms,)``.
        references: The references [nm] with ``shape=(n_references, n_atoms, 3)``.
        aligned: The frames [nm] superposed on each reference with ``shape=(n_references, n_frames, n_atoms, 3)``.
        role: ``TRAINING``, ``VALIDATION`` or ``UNUSED`` for each frame.
        trajectory: The index in ``paths`` of each frame's trajectory.
        frame: The index of each frame in its trajectory.
        paths: The files of the trajectories.
        n_new: How many frames the last extension added; they stand last.
    """

    atoms: np.ndarray
    references: np.ndarray
    aligned: np.ndarray
    role: np.ndarray
    trajectory: np.ndarray
    frame: np.ndarray
    paths: tuple[str, ...]
    n_new: int = 0

    @staticmethod
    def empty(atoms: np.ndarray, reference: np.ndarray) -> "TrainingSet":
        """Return a training set without frames.

        Raises:
            InputError: If nothing can be superposed on the reference.
        """
        check_reference(reference, "the selection of training.atoms")
        none = np.empty(0, dtype=np.int32)
        aligned = np.empty((1, 0, len(atoms), 3), dtype=np.float32)
        return TrainingSet(atoms, center(reference)[None], aligned, none.astype(np.int8), none, none, ())

    @property
    def n_frames(self) -> int:
        return self.aligned.shape[1]

    @property
    def frames(self) -> np.ndarray:
        """The frames [nm] superposed on the first reference with ``shape=(n_frames, n_atoms, 3)``."""
        return self.aligned[0]

    def select(self, max_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames to train and validate on, thinned evenly.

        Args:
            max_frames: The most frames.

        Returns:
            The superposed frames [nm] with ``shape=(n_references, n_selected, n_atoms, 3)``, and which are for validation.
        """
        selected = np.flatnonzero(self.role != UNUSED)
        if len(selected) > max_frames:
            selected = selected[np.linspace(0, len(selected) - 1, max_frames).round().astype(int)]
        return self.aligned[:, selected], self.role[selected] == VALIDATION

    def source(self, frame: int) -> tuple[str, int]:
        """Return the trajectory file of a frame, and its index there."""
        return self.paths[self.trajectory[frame]], int(self.frame[frame])

    def save(self, path: Path) -> None:
        """Write the training set to an ``.npz`` file of plain arrays."""
        arrays = {
            name: getattr(self, name) for name in ("atoms", "references", "aligned", "role", "trajectory", "frame")
        }
        write_arrays(path, paths=np.array(self.paths, dtype=str), n_new=np.array(self.n_new), **arrays)

    @staticmethod
    def load(path: Path) -> "TrainingSet":
        """Read a training set that ``save`` has written."""
        arrays = read_arrays(path)
        paths = tuple(str(name) for name in arrays.pop("paths"))
        return TrainingSet(paths=paths, n_new=int(arrays.pop("n_new")), **arrays)


def extend_training_set(
    training_set: TrainingSet,
    trajectories: dict[str, np.ndarray],
    validation_fraction: float,
    block_frames: int,
    random_seed: int,
) -> TrainingSet:
    """Add the frames of new trajectories that are not in the training set yet.

    Validation frames are drawn in contiguous blocks of a trajectory, before any augmentation, and the frames next to a
    block are not used, so that neither a pose nor a neighbour of a validation frame is ever trained on.

    Args:
        training_set: The training set so far.
        trajectories: Positions [nm] of the training atoms with ``shape=(n_frames, n_atoms, 3)`` by file.
        validation_fraction: The fraction of blocks for validation.
        block_frames: Frames of a block.
        random_seed: Seeds the choice of blocks.

    Raises:
        InputError: If coordinates are not finite.
    """
    rng = np.random.default_rng(random_seed)
    aligned, roles, owners, frames = (
        [training_set.aligned],
        [training_set.role],
        [training_set.trajectory],
        [training_set.frame],
    )
    for i, (path, positions) in enumerate(trajectories.items(), start=len(training_set.paths)):
        if not np.isfinite(positions).all():
            raise InputError(f"the trajectory {path} holds coordinates that are not finite; remove it and run again.")
        n_frames = len(positions)
        aligned.append(
            np.stack([superpose(positions, reference).astype(np.float32) for reference in training_set.references])
        )
        roles.append(assign_roles(n_frames, validation_fraction, block_frames, rng))
        owners.append(np.full(n_frames, i, dtype=np.int32))
        frames.append(np.arange(n_frames, dtype=np.int32))
    extended = replace(
        training_set,
        aligned=np.concatenate(aligned, axis=1),
        role=np.concatenate(roles),
        trajectory=np.concatenate(owners),
        frame=np.concatenate(frames),
        paths=(*training_set.paths, *trajectories),
    )
    return _without_duplicates(extended, training_set.n_frames)


def assign_roles(n_frames: int, validation_fraction: float, block_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Assign a role to each frame of one trajectory: whole blocks for validation, their neighbours unused."""
    n_blocks = max(1, n_frames // block_frames)
    n_validation = min(max(1, round(n_blocks * validation_fraction)), n_blocks - 1)
    block = np.minimum(np.arange(n_frames) // block_frames, n_blocks - 1)
    validates = np.isin(block, rng.choice(n_blocks, size=n_validation, replace=False))
    neighbours = np.zeros(n_frames, dtype=bool)
    neighbours[:-1] |= validates[1:]
    neighbours[1:] |= validates[:-1]
    roles = np.full(n_frames, TRAINING, dtype=np.int8)
    roles[neighbours] = UNUSED
    roles[validates] = VALIDATION
    return roles


def _without_duplicates(training_set: TrainingSet, n_previous: int) -> TrainingSet:
    """Drop frames that equal an earlier one to the last bit, such as those of a trajectory given twice."""
    rows = np.ascontiguousarray(training_set.frames).reshape(training_set.n_frames, -1)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    first = np.sort(np.unique(keys, return_index=True)[1])
    return replace(
        training_set,
        aligned=training_set.aligned[:, first],
        role=training_set.role[first],
        trajectory=training_set.trajectory[first],
        frame=training_set.frame[first],
        n_new=int(np.sum(first >= n_previous)),
    )

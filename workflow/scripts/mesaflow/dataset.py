"""The training set: superposed frames of all trajectories so far, and which of them are for validation."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .alignment import center, check_reference, superpose_in_parts
from .errors import InputError
from .files import read_arrays, write_arrays
from .thinning import thin
from .units import thermal_energy

TRAINING, VALIDATION, UNUSED = 0, 1, 2
"""What a frame is for; the unused ones are next to a validation frame in time."""

_BY_FRAME = ("frames", "weight", "role", "trajectory", "frame")  # the arrays with one entry a frame


@dataclass(frozen=True)
class TrainingSet:
    """Superposed frames and where they come from.

    Attributes:
        atoms: The atoms' indices in the topology with ``shape=(n_atoms,)``.
        reference: The structure [nm] that frames are superposed on, centred, with ``shape=(n_atoms, 3)``.
        frames: The superposed frames [nm] with ``shape=(n_frames, n_atoms, 3)``.
        weight: How much each frame of a biased simulation would count in the unbiased ensemble, see ``unbiasing_weights``;
            1 for unbiased simulations; with ``shape=(n_frames,)``.
        role: ``TRAINING``, ``VALIDATION`` or ``UNUSED`` for each frame.
        trajectory: The index in ``paths`` of each frame's trajectory.
        frame: The index of each frame in its trajectory.
        paths: The files of the trajectories.
        n_new: How many frames the last extension added; they stand last.
        selected: The indices of the frames to train and validate on, once ``select`` has chosen them.
    """

    atoms: np.ndarray
    reference: np.ndarray
    frames: np.ndarray
    weight: np.ndarray
    role: np.ndarray
    trajectory: np.ndarray
    frame: np.ndarray
    paths: tuple[str, ...]
    n_new: int = 0
    selected: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @staticmethod
    def empty(atoms: np.ndarray, reference: np.ndarray) -> "TrainingSet":
        """Return a training set without frames.

        Raises:
            InputError: If nothing can be superposed on the reference.
        """
        check_reference(reference, "the selection of training.atoms")
        none = np.empty(0, dtype=np.int32)
        frames = np.empty((0, len(atoms), 3), dtype=np.float32)
        weight = np.empty(0, dtype=np.float32)
        return TrainingSet(atoms, center(reference), frames, weight, none.astype(np.int8), none, none, ())

    @property
    def n_frames(self) -> int:
        return len(self.frames)

    @property
    def is_validation(self) -> np.ndarray:
        """Which frames are for validation."""
        return self.role == VALIDATION

    def select(self, max_frames: int, thinning: str, random_seed: int) -> "TrainingSet":
        """Choose the frames to train and validate on.

        Args:
            max_frames: The most frames.
            thinning: How more frames are thinned to as many, one of ``thinning.METHODS``.
            random_seed: Seeds the thinning.

        Returns:
            The same training set with ``selected``.
        """
        candidates = np.flatnonzero(self.role != UNUSED)
        return replace(self, selected=candidates[thin(self.frames[candidates], max_frames, thinning, random_seed)])

    def source(self, frame: int) -> tuple[str, int]:
        """Return the trajectory file of a frame, and its index there."""
        return self.paths[self.trajectory[frame]], int(self.frame[frame])

    def find(self, sources: list[tuple[str, int]]) -> np.ndarray:
        """Return the frames that stand at given places in trajectory files, as ``source`` tells them."""
        numbers = {path: i for i, path in enumerate(self.paths)}
        frames = {place: i for i, place in enumerate(zip(self.trajectory.tolist(), self.frame.tolist(), strict=True))}
        return np.array([frames[numbers[path], frame] for path, frame in sources], dtype=int)

    def save(self, path: Path) -> None:
        """Write the training set to an ``.npz`` file of plain arrays."""
        names = ("atoms", "reference", *_BY_FRAME, "selected")
        arrays = {name: getattr(self, name) for name in names}
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
    weights: dict[str, np.ndarray] | None = None,
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
        weights: The weights of the frames of biased trajectories, by file.

    Raises:
        InputError: If coordinates are not finite, or a trajectory has more or fewer weights than frames.
    """
    rng = np.random.default_rng(random_seed)
    parts = {name: [getattr(training_set, name)] for name in _BY_FRAME}
    for i, (path, positions) in enumerate(trajectories.items(), start=len(training_set.paths)):
        if not np.isfinite(positions).all():
            raise InputError(f"the trajectory {path} holds coordinates that are not finite; remove it and run again.")
        n_frames = len(positions)
        weight = np.ones(n_frames) if weights is None or path not in weights else weights[path]
        if len(weight) != n_frames:
            raise InputError(
                f"the trajectory {path} holds {n_frames} frames, and its samples {len(weight)}; remove both and run again."
            )
        parts["frames"].append(superpose_in_parts(positions, training_set.reference))
        parts["weight"].append(np.asarray(weight, dtype=np.float32))
        parts["role"].append(assign_roles(n_frames, validation_fraction, block_frames, rng))
        parts["trajectory"].append(np.full(n_frames, i, dtype=np.int32))
        parts["frame"].append(np.arange(n_frames, dtype=np.int32))
    extended = replace(
        training_set,
        paths=(*training_set.paths, *trajectories),
        **{name: np.concatenate(values) for name, values in parts.items()},
    )
    return _without_duplicates(extended, training_set.n_frames)


def unbiasing_weights(bias: np.ndarray, window: np.ndarray, temperature: float) -> np.ndarray:
    """Return how much each frame of restrained simulations would count without the restraint, one on average in a window.

    Frames weigh exp(V/RT), as in FEBILAE (Z. Belkacemi et al., J. Chem. Theory Comput. 18, 59 (2022),
    doi:10.1021/acs.jctc.1c00415), within each window: how the windows of a round weigh against one another is unknown,
    since they do not overlap. A weight is truncated at √n times the mean of the window's n frames, so that a few frames do
    not make up the window (E. L. Ionides, J. Comput. Graph. Stat. 17, 295 (2008), doi:10.1198/106186008X320456).

    Args:
        bias: The restraint's energy V [kJ/mol] in each frame, with ``shape=(n_frames,)``.
        window: The window of each frame.
        temperature: The temperature [K].
    """
    weights = np.ones(len(bias))
    for number in np.unique(window):
        rows = np.flatnonzero(window == number)
        raw = np.exp((bias[rows] - bias[rows].max()) / thermal_energy(temperature))
        truncated = np.minimum(raw, np.sqrt(len(rows)) * raw.mean())
        weights[rows] = truncated / truncated.mean()
    return weights


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
        n_new=int(np.sum(first >= n_previous)),
        **{name: getattr(training_set, name)[first] for name in _BY_FRAME},
    )

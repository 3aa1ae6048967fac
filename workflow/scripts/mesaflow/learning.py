"""Learning collective variables: one network from a training set, or all steps from trajectories in one call."""

from collections.abc import Callable
from os import PathLike, fspath

import mdtraj
import numpy as np

from .dataset import TrainingSet, extend_training_set
from .imported import FrameReader, ImportedTrajectory, check_imported
from .internal_coordinates import find_features
from .knee import candidate_numbers, find_knee
from .outputs import find_outputs
from .randomness import derive_seed
from .settings import resolve_training
from .training import TrainingResult, TrainingSettings, train
from .trajectories import load_reference, select_atoms

_STAGE = "round-1"  # labels the random seeds, so that they are those of a workflow that learns from the same frames


def learn_cvs(
    trajectory: str | PathLike | list[str | PathLike],
    topology: str | PathLike,
    atoms: str,
    random_seed: int,
    on_epoch: Callable[[], object] = lambda: None,
    **training: object,
) -> TrainingResult:
    """Learn collective variables from trajectories, as the target ``learn`` of the workflow does.

    Args:
        trajectory: A file in any format that mdtraj reads, or several.
        topology: The file of their topology.
        atoms: The atoms that the collective variables see, in mdtraj's selection language.
        random_seed: Seeds the choice of validation frames and the training.
        on_epoch: Called after every epoch.
        training: Other keys of the ``training`` section of a configuration, such as ``n_cvs=2``; ``config/README.md`` lists
            them with their defaults. Without a ``reference`` frames are superposed on the first of them.

    Returns:
        The network with the largest validation FVE of ``n_restarts``, with ``n_cvs="auto"`` at the knee of FVE(n_cvs): its encoder, its decoder, and how good they are.

    Raises:
        InputError: If a key or its value is not allowed, the atoms of a trajectory are not those of the topology, frames are
            not finite, or there are too few of them.
    """
    paths = [fspath(path) for path in (trajectory if isinstance(trajectory, list) else [trajectory])]
    items = [{"trajectory": path, "topology": fspath(topology)} for path in paths]
    settings = resolve_training(training | {"atoms": atoms, "trajectories": items})
    known = ImportedTrajectory(paths[0], fspath(topology)).atoms
    check_imported(items, known, atoms)
    reader = FrameReader.from_config(known, items)
    frames = {path: reader.load(path, atoms) for path in paths}
    if settings["reference"] is None:
        reference = frames[paths[0]][0].astype(float)
    else:
        reference = load_reference(settings["reference"], known, atoms, "reference")
    training_set = extend_training_set(
        TrainingSet.empty(select_atoms(known, atoms, "atoms"), reference),
        frames,
        validation_fraction=settings["validation_fraction"],
        block_frames=settings["validation_block_frames"],
        random_seed=derive_seed(random_seed, _STAGE, "validation"),
    ).select(settings["max_frames"], settings["thinning"], derive_seed(random_seed, _STAGE, "thinning"))
    best = []
    for n_cvs in candidate_numbers(settings["n_cvs"], settings["max_n_cvs"]):
        seeds = [derive_seed(random_seed, _STAGE, "training", n_cvs, i) for i in range(settings["n_restarts"])]
        results = [train_network(training_set, known, settings, n_cvs, seed, on_epoch) for seed in seeds]
        best.append(max(results, key=_quality))
    return best[0] if len(best) == 1 else best[find_knee([_quality(result) for result in best]).n_cvs - 1]


def train_network(
    training_set: TrainingSet,
    topology: mdtraj.Topology,
    settings: dict,
    n_cvs: int,
    random_seed: int,
    on_epoch: Callable[[], object] = lambda: None,
) -> TrainingResult:
    """Train one network.

    Args:
        training_set: The frames, of which some are selected.
        topology: The topology that the training set's atoms are counted in.
        settings: The ``training`` section of a configuration.
        n_cvs: The number of collective variables.
        random_seed: Seeds the weights, the batches, the poses and the noise.
        on_epoch: Called after every epoch.

    Raises:
        InputError: If inputs or outputs do not fit the atoms, there are no training or no validation frames, or training
            diverges.
    """

    def reference(path: str | None, key: str) -> np.ndarray:
        return training_set.reference if path is None else load_reference(path, topology, settings["atoms"], key)

    features = find_features(topology, training_set.atoms, settings)
    outputs = find_outputs(topology, training_set.atoms, settings, reference)
    selected = training_set.selected
    return train(
        training_set.frames[selected],
        training_set.is_validation[selected],
        training_set.reference,
        training_set.atoms,
        TrainingSettings.from_config(settings, features, outputs, n_cvs),
        random_seed,
        on_epoch=on_epoch,
        weights=training_set.weight[selected] if settings["frame_weights"] == "unbiased" else None,
    )


def _quality(result: TrainingResult) -> float:
    return result.fve_validation

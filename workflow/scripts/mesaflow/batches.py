"""The frames of a training set as batches of inputs and targets, augmented on the fly (torch)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from .augmentation import augment
from .autoencoder import featurise
from .outputs import OutputLayout

if TYPE_CHECKING:
    from .training import TrainingSettings

_EVALUATED_AT_ONCE = 8192  # frames, so that memory does not grow with what the layers return for all frames
_AUGMENTED_AT_ONCE = 4096  # frames, several batches, which is faster than one batch at a time

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Inputs with ``shape=(n, n_inputs)``, targets with ``shape=(n, n_outputs)``, and the frames' weights with ``shape=(n,)``."""


def _one_ahead(
    make: Callable[[torch.Tensor], Batch], indices: tuple[torch.Tensor, ...], spare_thread: bool
) -> Iterator[Batch]:
    """Make batches in their order, each while the one before it is in use if there is a thread to spare."""
    if not spare_thread:
        yield from map(make, indices)
        return
    with ThreadPoolExecutor(1) as executor:
        ahead = executor.submit(make, indices[0])
        for index in indices[1:]:
            made, ahead = ahead.result(), executor.submit(make, index)
            yield made
        yield ahead.result()


class Batches:
    """Frames that come out as batches.

    Args:
        frames: Frames [nm] superposed on the reference of the inputs, with ``shape=(n_frames, n_atoms, 3)``.
        weights: How much each frame counts, with ``shape=(n_frames,)``, or None for equally.
        layout: What the network is to return.
        settings: How the inputs are made.
        generator: The source of random numbers; its device is the one that batches are made on.
        spare_thread: Whether a thread of its own makes a batch while the one before it is in use.
    """

    def __init__(
        self,
        frames: np.ndarray,
        weights: np.ndarray | None,
        layout: OutputLayout,
        settings: "TrainingSettings",
        generator: torch.Generator,
        spare_thread: bool = False,
    ):
        device = generator.device
        # Coordinates are kept in units of the scale, and in rows, which are gathered several times as fast as matrices.
        self._frames = torch.as_tensor(frames, dtype=torch.float32, device=device).flatten(1) / layout.scale
        distance_scale = settings.features.distance_scale / layout.scale
        self._features = replace(settings.features, distance_scale=distance_scale)
        self._noise = settings.noise / layout.scale
        self._targets = torch.as_tensor(layout.targets(frames), device=device)
        self._weights = None
        if weights is not None:
            self._weights = torch.as_tensor(weights / weights.mean(), dtype=torch.float32, device=device)
        columns = layout.weights
        self.column_weights = None
        if not np.all(columns == 1):
            self.column_weights = torch.as_tensor(columns, dtype=torch.float32, device=device)
        self._settings = settings
        self._generator = generator
        self._spare_thread = spare_thread
        self._rotates = settings.invariance != "alignment"
        self._posed = list(layout.positions()) if settings.invariance == "none" else []

    def __len__(self) -> int:
        return len(self._frames)

    def epoch(self) -> Iterator[Batch]:
        """Yield the augmented batches of one epoch, in which every frame is shown the same number of times."""
        n_passes = max(1, round(self._settings.epoch_frames / len(self)))
        size = self._settings.batch_size
        for _ in range(n_passes):
            order = torch.randperm(len(self), generator=self._generator, device=self._frames.device)
            indices = order.split(size * max(1, _AUGMENTED_AT_ONCE // size))
            for inputs, targets, weights in _one_ahead(
                partial(self._make, noise=self._noise), indices, self._spare_thread
            ):
                parts = [inputs.split(size), targets.split(size)]
                parts.append([None] * len(parts[0]) if weights is None else weights.split(size))
                yield from zip(*parts, strict=True)

    def clean_batches(self) -> Iterator[Batch]:
        """Yield all frames once, in their order, without noise."""
        for index in torch.arange(len(self), device=self._frames.device).split(_EVALUATED_AT_ONCE):
            yield self._make(index, 0.0)

    def _make(self, index: torch.Tensor, noise: float) -> Batch:
        targets = self._targets.index_select(0, index)
        frames = self._frames.index_select(0, index).unflatten(1, (-1, 3))
        posed = augment(frames, self._rotates, 0.0, self._generator)
        for columns, group in self._posed:
            targets[:, columns] = posed[:, torch.as_tensor(group.atoms)].flatten(1)
        inputs = featurise(augment(posed, False, noise, self._generator), self._features, 1.0)
        return inputs, targets, None if self._weights is None else self._weights[index]

    def loss(self, levels: list[torch.Tensor], targets: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        """Return the weighted squared error per output node, averaged over the levels of a hierarchy."""
        total = sum(self._error(outputs, targets, weights) for outputs in levels)
        return total / len(levels)

    def _error(self, outputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        if weights is None and self.column_weights is None:
            return torch.nn.functional.mse_loss(outputs, targets)
        squared = (outputs - targets) ** 2
        by_frame = (
            squared.mean(dim=1) if self.column_weights is None else squared @ self.column_weights / squared.shape[1]
        )
        return by_frame.mean() if weights is None else (weights * by_frame).sum() / weights.sum()

"""The frames of a training set as batches of inputs and targets, augmented on the fly (torch)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from .augmentation import augment
from .autoencoder import featurise
from .outputs import OutputLayout

if TYPE_CHECKING:
    from .training import TrainingSettings

_EVALUATED_AT_ONCE = 8192  # frames, so that memory does not grow with what the layers return for all frames

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Inputs with ``shape=(n, n_inputs)``, targets with ``shape=(n, n_outputs)``, and the frames' weights with ``shape=(n,)``."""


class Batches:
    """Frames that come out as batches.

    Args:
        frames: Frames [nm] superposed on the reference of the inputs, with ``shape=(n_frames, n_atoms, 3)``.
        weights: How much each frame counts, with ``shape=(n_frames,)``, or None for equally.
        layout: What the network is to return.
        settings: How the inputs are made.
        generator: The source of random numbers; its device is the one that batches are made on.
    """

    def __init__(
        self,
        frames: np.ndarray,
        weights: np.ndarray | None,
        layout: OutputLayout,
        settings: "TrainingSettings",
        generator: torch.Generator,
    ):
        device = generator.device
        self._frames = torch.as_tensor(frames, dtype=torch.float32, device=device)
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
        self._rotates = settings.invariance != "alignment"
        self._posed = list(layout.positions()) if settings.invariance == "none" else []
        self._scale = layout.scale

    def __len__(self) -> int:
        return len(self._frames)

    def epoch(self) -> Iterator[Batch]:
        """Yield the augmented batches of one epoch, in which every frame is shown the same number of times."""
        n_passes = max(1, round(self._settings.epoch_frames / len(self)))
        for _ in range(n_passes):
            order = torch.randperm(len(self), generator=self._generator, device=self._frames.device)
            for index in order.split(self._settings.batch_size):
                yield self._make(index, self._settings.noise)

    def clean_batches(self) -> Iterator[Batch]:
        """Yield all frames once, in their order, without noise."""
        for start in range(0, len(self), _EVALUATED_AT_ONCE):
            yield self._make(slice(start, start + _EVALUATED_AT_ONCE), 0.0)

    def _make(self, index: torch.Tensor | slice, noise: float) -> Batch:
        frames, targets = self._frames[index], self._targets[index]
        posed = augment(frames, self._rotates, 0.0, self._generator)
        if self._posed:
            targets = targets.clone()
            for columns, group in self._posed:
                targets[:, columns] = posed[:, torch.as_tensor(group.atoms)].flatten(1) / self._scale
        inputs = featurise(augment(posed, False, noise, self._generator), self._settings.features, self._scale)
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

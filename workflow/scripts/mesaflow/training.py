"""Training of an autoencoder on aligned targets (torch)."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from .augmentation import augment
from .autoencoder import Autoencoder, export_encoder, featurise, find_whitening
from .encoder import Encoder, n_output_nodes
from .errors import InputError
from .features import Features

_POSE_FRAMES, _POSES = 200, 50  # conformations and poses that pose_variance_fraction is estimated from
_LEARNING_RATE_FACTOR = 0.3  # applied when the validation loss stands still for half the patience


@dataclass(frozen=True)
class TrainingSettings:
    """How to train an autoencoder.

    Attributes:
        invariance: How a CV becomes independent of the pose: ``alignment`` superposes the input on the first reference
            inside the encoder (exact), ``augmentation`` shows every conformation in random poses (approximate), ``none``
            trains a plain autoencoder on conformations in random poses.
        hidden_layers: The widths of the encoder's hidden layers; the decoder mirrors them.
        cv_kinds: The kind of each CV: ``linear``, ``tanh`` or ``circular``.
        activation: ``tanh`` or ``silu``.
        scale: The length [nm] by which coordinates are divided.
        features: What the network sees of a conformation.
        noise: The standard deviation [nm] of the noise on input coordinates.
        batch_size: Frames a step.
        epoch_frames: The least number of frames shown in an epoch, each in a fresh pose with fresh noise: a smaller
            training set is shown several times.
        max_epochs: The most epochs.
        patience: Epochs without a better validation loss after which training stops.
        learning_rate: Adam's learning rate.
        weight_decay: The regularisation R, as the decoupled weight decay of AdamW.
    """

    invariance: str = "alignment"
    hidden_layers: list[int] = field(default_factory=lambda: [40])
    cv_kinds: tuple[str, ...] = ("linear", "linear")
    activation: str = "tanh"
    scale: float = 0.5
    features: Features = field(default_factory=Features)
    noise: float = 0.02
    batch_size: int = 512
    epoch_frames: int = 8192
    max_epochs: int = 200
    patience: int = 30
    learning_rate: float = 0.005
    weight_decay: float = 1e-5

    @property
    def superposes(self) -> bool:
        """Whether inputs are superposed; dihedrals and distances alone do not need it."""
        return self.invariance == "alignment" and self.features.positions

    @staticmethod
    def from_config(training: dict, features: Features) -> "TrainingSettings":
        """Read the ``training`` section of a configuration, whose inputs are resolved to features."""
        return TrainingSettings(
            invariance=training["invariance"],
            hidden_layers=list(training["hidden_layers"]),
            cv_kinds=(training["cv_layer"],) * training["n_cvs"],
            activation=training["activation"],
            scale=training["scale_nm"],
            features=features,
            noise=training["noise_nm"],
            batch_size=training["batch_size"],
            epoch_frames=training["epoch_frames"],
            max_epochs=training["max_epochs"],
            patience=training["patience_epochs"],
            learning_rate=training["learning_rate"],
            weight_decay=training["weight_decay"],
        )


@dataclass(frozen=True)
class TrainingResult:
    """A trained encoder and how good it is.

    Attributes:
        encoder: The encoder with the best validation loss.
        fve_training: Fraction of variance explained on the training frames.
        fve_validation: The same on the validation frames.
        fve_lost_per_cv: How much of the validation FVE is lost when a CV is held at its mean.
        pose_variance_fraction: The fraction of each CV's variance that comes from pose alone.
        loss_curve: Training and validation loss by epoch, with ``shape=(n_epochs, 2)``.
        best_epoch: The epoch whose weights were kept, counted from 1.
    """

    encoder: Encoder
    fve_training: float
    fve_validation: float
    fve_lost_per_cv: list[float]
    pose_variance_fraction: list[float]
    loss_curve: np.ndarray
    best_epoch: int

    def summary(self) -> dict:
        """Return all but the encoder as plain values."""
        return {
            "fve_training": self.fve_training,
            "fve_validation": self.fve_validation,
            "fve_lost_per_cv": self.fve_lost_per_cv,
            "pose_variance_fraction": self.pose_variance_fraction,
            "best_epoch": self.best_epoch,
            "loss_training": self.loss_curve[:, 0].tolist(),
            "loss_validation": self.loss_curve[:, 1].tolist(),
        }


def train(
    aligned: np.ndarray,
    is_validation: np.ndarray,
    references: np.ndarray,
    atoms: np.ndarray,
    settings: TrainingSettings,
    random_seed: int,
    on_epoch: Callable[[], object] = lambda: None,
) -> TrainingResult:
    """Train an autoencoder to return every conformation x, in whatever pose it comes, superposed as L(x).

    The loss is Σ_j |A_j(x) − L_j(x)|² over the references j, in units of the squared scale and per output, plus the
    regularisation (W. Chen & A. L. Ferguson, J. Comput. Chem. 39, 2079 (2018), doi:10.1002/jcc.25520).

    Args:
        aligned: Frames [nm] superposed on each reference, with ``shape=(n_references, n_frames, n_atoms, 3)``.
        is_validation: Which frames are for validation, with ``shape=(n_frames,)``.
        references: The references [nm] with ``shape=(n_references, n_atoms, 3)``.
        atoms: The indices in the topology of the atoms.
        settings: How to train.
        random_seed: Seeds the weights, the batches, the poses and the noise.
        on_epoch: Called after every epoch.

    Raises:
        InputError: If there are no training or no validation frames, frames are not finite, or training diverges.
    """
    if not np.isfinite(aligned).all():
        raise InputError(
            "the training set holds coordinates that are not finite; remove the trajectory they came from."
        )
    if is_validation.all() or not is_validation.any():
        raise InputError(
            f"the training set has {np.sum(~is_validation)} training and {np.sum(is_validation)} validation frames; "
            "both are needed: lengthen the seed simulations or change training.validation_fraction."
        )
    torch.manual_seed(random_seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device=device).manual_seed(random_seed)
    frames = torch.as_tensor(aligned, dtype=torch.float32, device=device)
    validates = torch.as_tensor(is_validation, device=device)
    data = _Data(frames[:, ~validates], settings, generator)
    validation = _Data(frames[:, validates], settings, generator)
    n_inputs, n_outputs = settings.features.n_inputs(aligned.shape[2]), 3 * aligned.shape[2] * len(references)
    network = Autoencoder(n_inputs, settings.hidden_layers, settings.cv_kinds, settings.activation, n_outputs).to(
        device
    )
    loss_curve, best_epoch = _fit(network, data, validation, settings, on_epoch)

    encoder = export_encoder(
        network, data.clean_inputs(), atoms, settings.scale, references, settings.superposes, settings.features
    )
    fve, fve_without = _explained_variance(network, validation, data)
    return TrainingResult(
        encoder=encoder,
        fve_training=_explained_variance(network, data, data)[0],
        fve_validation=fve,
        fve_lost_per_cv=[fve - without for without in fve_without],
        pose_variance_fraction=pose_variance_fraction(encoder, aligned[0][is_validation], random_seed),
        loss_curve=loss_curve,
        best_epoch=best_epoch,
    )


class _Data:
    """Frames that come out as batches of inputs and targets, augmented on the fly."""

    def __init__(self, frames: torch.Tensor, settings: TrainingSettings, generator: torch.Generator):
        self._frames = frames
        self._settings = settings
        self._generator = generator
        self._rotates = settings.invariance != "alignment"

    def __len__(self) -> int:
        return self._frames.shape[1]

    def permutations(self) -> torch.Tensor:
        """Return the order of one epoch: every frame the same number of times."""
        n_passes = max(1, round(self._settings.epoch_frames / len(self)))
        orders = [
            torch.randperm(len(self), generator=self._generator, device=self._frames.device) for _ in range(n_passes)
        ]
        return torch.cat(orders)

    def batch(self, index: torch.Tensor | slice, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs with ``shape=(n, n_inputs)`` and targets with ``shape=(n, 3 n_atoms n_references)``."""
        frames = self._frames[:, index]
        posed = augment(frames[0], self._rotates, 0.0, self._generator)
        inputs = augment(posed, False, noise, self._generator)
        targets = posed[None] if self._settings.invariance == "none" else frames
        n_frames = frames.shape[1]
        scale = self._settings.scale
        return featurise(inputs, self._settings.features, scale), targets.transpose(0, 1).reshape(n_frames, -1) / scale

    def noisy_batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.batch(index, self._settings.noise)

    def clean_batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.batch(slice(None), 0.0)

    def clean_inputs(self) -> torch.Tensor:
        return self.clean_batch()[0]


def _fit(
    network: Autoencoder,
    data: _Data,
    validation: _Data,
    settings: TrainingSettings,
    on_epoch: Callable[[], object],
) -> tuple[np.ndarray, int]:
    """Train until the validation loss stands still; leave the best weights in the network."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True
    )
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=_LEARNING_RATE_FACTOR, patience=settings.patience // 2
    )
    validation_inputs, validation_targets = validation.clean_batch()
    losses: list[tuple[float, float]] = []
    best_loss, best_epoch, best_weights = float("inf"), 0, copy.deepcopy(network.state_dict())
    for epoch in range(1, settings.max_epochs + 1):
        total, n_seen = 0.0, 0
        for index in data.permutations().split(settings.batch_size):
            inputs, targets = data.noisy_batch(index)
            loss = torch.nn.functional.mse_loss(network(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, n_seen = total + loss.detach() * len(index), n_seen + len(index)
        with torch.no_grad():
            validation_loss = torch.nn.functional.mse_loss(network(validation_inputs), validation_targets).item()
        losses.append((float(total) / n_seen, validation_loss))
        scheduler.step(validation_loss)
        on_epoch()
        if validation_loss < best_loss:
            best_loss, best_epoch, best_weights = validation_loss, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= settings.patience:
            break
    if best_epoch == 0:
        raise InputError(
            f"training diverged: no epoch had a finite validation loss; lower training.learning_rate, now {settings.learning_rate}."
        )
    network.load_state_dict(best_weights)
    return np.array(losses), best_epoch


@torch.no_grad()
def _explained_variance(network: Autoencoder, data: _Data, training: _Data) -> tuple[float, list[float]]:
    """Return the FVE, and the FVE with each exported CV in turn held at its mean over the training set."""
    inputs, targets = data.clean_batch()
    nodes = network.encoder(inputs)
    variance = targets.var(dim=0, correction=0).sum()

    def explained(nodes: torch.Tensor) -> float:
        residual = targets - network.decoder(network.cv_layer(nodes))
        return float(1 - residual.var(dim=0, correction=0).sum() / variance)

    return explained(nodes), [explained(held) for held in _hold_each_cv(network, nodes, training)]


def _hold_each_cv(network: Autoencoder, nodes: torch.Tensor, training: _Data) -> Iterator[torch.Tensor]:
    """Yield the encoder's nodes with each exported CV in turn held at its mean."""
    cv_kinds = network.cv_layer.cv_kinds
    if set(cv_kinds) == {"linear"}:
        mean, whitening = (torch.as_tensor(part).to(nodes) for part in find_whitening(network, training.clean_inputs()))
        unwhitening = torch.linalg.inv(whitening)
        cvs = (nodes - mean) @ whitening.T
        for k in range(len(cv_kinds)):
            yield nodes - cvs[:, k, None] * unwhitening[:, k]
        return
    column = 0
    for kind in cv_kinds:
        width = n_output_nodes((kind,))
        held = nodes.clone()
        held[:, column : column + width] = nodes[:, column : column + width].mean(dim=0)
        yield held
        column += width


def pose_variance_fraction(encoder: Encoder, frames: np.ndarray, random_seed: int) -> list[float]:
    """Estimate the fraction of each CV's variance that comes from pose alone.

    It is the variance over random poses of one conformation, averaged over conformations, divided by the variance over
    conformations and poses together; 0 for an invariant CV, 1 for one that tells conformations apart no better than a
    constant. Circular CVs enter as points on the unit circle.

    Args:
        encoder: The encoder.
        frames: Conformations [nm] with ``shape=(n_frames, n_atoms, 3)``.
        random_seed: Seeds the choice of conformations and the poses.

    Returns:
        The fraction for each CV.
    """
    rng = np.random.default_rng(random_seed)
    chosen = frames[rng.choice(len(frames), size=min(_POSE_FRAMES, len(frames)), replace=False)]
    rotations = random_rotation_matrices(rng, len(chosen) * _POSES)
    posed = np.repeat(chosen, _POSES, axis=0) @ rotations
    cvs = encoder.evaluate(posed).reshape(len(chosen), _POSES, encoder.n_cvs)
    fractions = []
    for k, period in enumerate(encoder.periods):
        values = cvs[:, :, k, None]
        if np.isfinite(period):
            values = np.concatenate([np.cos(values), np.sin(values)], axis=2)
        total = values.reshape(-1, values.shape[2]).var(axis=0).sum()
        fractions.append(float(values.var(axis=1).sum(axis=-1).mean() / total) if total > 0 else 1.0)
    return fractions


def random_rotation_matrices(rng: np.random.Generator, n_rotations: int) -> np.ndarray:
    """Draw rotation matrices uniformly from SO(3) with ``shape=(n_rotations, 3, 3)``."""
    from scipy.spatial.transform import Rotation

    return Rotation.random(n_rotations, rng=rng).as_matrix()

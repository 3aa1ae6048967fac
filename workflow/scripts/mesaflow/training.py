"""Training of an autoencoder on superposed targets (torch)."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from .alignment import center
from .autoencoder import Autoencoder, standardise
from .batches import Batches
from .closed_form import solve
from .decoder import Decoder
from .encoder import Encoder
from .errors import InputError
from .evaluation import encoder_nodes, explained_variance, pose_variance_fraction
from .features import Features
from .methods import AUTOENCODER
from .outputs import DistancesOutput, Output, OutputLayout, PositionsOutput
from .warm_start import start_from_dihedrals

_LEARNING_RATE_FACTOR = 0.3  # applied when the validation loss stands still for half the patience


@dataclass(frozen=True)
class TrainingSettings:
    """How to train an autoencoder.

    Attributes:
        method: ``autoencoder`` trains one; other keys of ``methods.NEEDS`` need no training.
        invariance: How a CV becomes independent of the pose: ``alignment`` superposes the input on the reference inside
            the encoder (exact), ``augmentation`` shows every conformation in random poses (approximate), ``none`` trains a
            plain autoencoder on conformations in random poses.
        hidden_layers: The widths of the encoder's hidden layers; the decoder mirrors them.
        cv_kinds: The kind of each CV: ``linear``, ``tanh`` or ``circular``.
        hierarchy: ``none``, or how the decoder makes the CVs a hierarchy: a key of ``decoder.DECODERS``.
        activation: ``tanh`` or ``silu``.
        scale: The length [nm] by which coordinates are divided; None for their root mean square over the training frames.
        distance_scale: The same for distances.
        features: What the network sees of a conformation.
        outputs: What it is to return; without any, all atoms superposed on the reference.
        noise: The standard deviation [nm] of the noise on input coordinates.
        batch_size: Frames a step.
        epoch_frames: About as many frames are shown in an epoch, each in a fresh pose with fresh noise: a smaller training
            set is shown several times, a larger one once.
        max_epochs: The most epochs.
        patience: Epochs without a better validation loss after which training stops.
        optimizer: ``adamw``, ``adam``, or ``sgd`` with Nesterov momentum.
        learning_rate: The optimiser's learning rate.
        learning_rate_schedule: ``plateau`` lowers it when the validation loss stands still, ``cosine`` lowers it to zero
            over ``max_epochs``, ``constant`` leaves it.
        momentum: The momentum of ``sgd``.
        weight_decay: The regularisation R: decoupled from the gradient with ``adamw``, else ½ R |w|² in the loss.
    """

    method: str = AUTOENCODER
    invariance: str = "alignment"
    hidden_layers: list[int] = field(default_factory=lambda: [40])
    cv_kinds: tuple[str, ...] = ("linear", "linear")
    hierarchy: str = "none"
    activation: str = "tanh"
    scale: float | None = 0.5
    distance_scale: float | None = 0.5
    features: Features = field(default_factory=Features)
    outputs: tuple[Output, ...] = ()
    noise: float = 0.02
    batch_size: int = 512
    epoch_frames: int = 8192
    max_epochs: int = 200
    patience: int = 30
    optimizer: str = "adamw"
    learning_rate: float = 0.005
    learning_rate_schedule: str = "plateau"
    momentum: float = 0.9
    weight_decay: float = 1e-5

    @property
    def superposes(self) -> bool:
        """Whether inputs are superposed; dihedrals and distances alone do not need it."""
        return self.invariance == "alignment" and self.features.positions

    @staticmethod
    def from_config(training: dict, features: Features, outputs: tuple[Output, ...], n_cvs: int) -> "TrainingSettings":
        """Read the ``training`` section of a configuration, whose inputs and outputs are resolved, for ``n_cvs`` CVs.

        Keys that have no effect beside the others may be left out: ``momentum`` but with ``sgd``, ``distance_scale_nm``
        without distances, ``method`` where it is ``autoencoder``.
        """
        kinds = training["cv_layer"]
        return TrainingSettings(
            method=training.get("method", AUTOENCODER),
            invariance=training["invariance"],
            hidden_layers=list(training["hidden_layers"]),
            cv_kinds=(kinds,) * n_cvs if isinstance(kinds, str) else tuple(kinds[:n_cvs]),
            hierarchy=training["hierarchy"],
            activation=training["activation"],
            scale=_scale_or_none(training["scale_nm"]),
            distance_scale=_scale_or_none(training.get("distance_scale_nm", "auto")),
            features=features,
            outputs=outputs,
            noise=training["noise_nm"],
            batch_size=training["batch_size"],
            epoch_frames=training["epoch_frames"],
            max_epochs=training["max_epochs"],
            patience=training["patience_epochs"],
            optimizer=training["optimizer"],
            learning_rate=training["learning_rate"],
            learning_rate_schedule=training["learning_rate_schedule"],
            momentum=training.get("momentum", 0.0),
            weight_decay=training["weight_decay"],
        )

    def with_scales(self, frames: np.ndarray) -> "TrainingSettings":
        """Replace automatic scales by the root mean square over training frames [nm], ``shape=(n_frames, n_atoms, 3)``."""
        pairs = [self.features.pairs, *(group.pairs for group in self.outputs if isinstance(group, DistancesOutput))]
        first, last = np.concatenate(pairs).T
        scale, distance_scale = self.scale, self.distance_scale
        if scale is None:
            scale = float(np.sqrt(np.mean(np.square(frames), dtype=float)))
        if distance_scale is None:
            squares = [
                np.square(frames[:, i] - frames[:, j]).sum(axis=1).mean() for i, j in zip(first, last, strict=True)
            ]
            distance_scale = float(np.sqrt(np.mean(squares))) if squares else 1.0
        return replace(
            self,
            scale=scale,
            distance_scale=distance_scale,
            features=replace(self.features, distance_scale=distance_scale),
        )


def _scale_or_none(value: float | str) -> float | None:
    return None if value == "auto" else float(value)


@dataclass(frozen=True)
class TrainingResult:
    """A trained network and how good it is.

    Attributes:
        encoder: The encoder with the best validation loss.
        decoder: The decoder that was trained with it.
        fve_training: Fraction of variance explained on the training frames.
        fve_validation: The same on the validation frames.
        fve_lost_per_cv: How much of the validation FVE is lost when a CV is held at its mean.
        fve_cumulative: The validation FVE from the first CV alone, the first two, and so on; empty without a hierarchy.
        pose_variance_fraction: The fraction of each CV's variance that comes from pose alone.
        loss_curve: Training and validation loss by epoch, with ``shape=(n_epochs, 2)``.
        best_epoch: The epoch whose weights were kept, counted from 1.
    """

    encoder: Encoder
    decoder: Decoder
    fve_training: float
    fve_validation: float
    fve_lost_per_cv: list[float]
    fve_cumulative: list[float]
    pose_variance_fraction: list[float]
    loss_curve: np.ndarray
    best_epoch: int

    def summary(self) -> dict:
        """Return all but the networks as plain values."""
        return {
            "n_cvs": self.encoder.n_cvs,
            "fve_training": self.fve_training,
            "fve_validation": self.fve_validation,
            "fve_lost_per_cv": self.fve_lost_per_cv,
            "fve_cumulative": self.fve_cumulative,
            "pose_variance_fraction": self.pose_variance_fraction,
            "best_epoch": self.best_epoch,
            "loss_training": self.loss_curve[:, 0].tolist(),
            "loss_validation": self.loss_curve[:, 1].tolist(),
        }


def train(
    frames: np.ndarray,
    is_validation: np.ndarray,
    reference: np.ndarray,
    atoms: np.ndarray,
    settings: TrainingSettings,
    random_seed: int,
    on_epoch: Callable[[], object] = lambda: None,
    weights: np.ndarray | None = None,
) -> TrainingResult:
    """Train an autoencoder to return every conformation x, in whatever pose it comes, superposed as L(x).

    The loss is Σ_j w_j |A_j(x) − L_j(x)|² over the outputs j, in units of the squared scales and per output node, plus the
    regularisation (W. Chen & A. L. Ferguson, J. Comput. Chem. 39, 2079 (2018), doi:10.1002/jcc.25520). In a hierarchy it is
    the mean of such losses over the outputs from the first CV, the first two, and so on.

    Args:
        frames: Frames [nm] superposed on the reference, with ``shape=(n_frames, n_atoms, 3)``.
        is_validation: Which frames are for validation, with ``shape=(n_frames,)``.
        reference: The structure [nm] that inputs are superposed on, with ``shape=(n_atoms, 3)``.
        atoms: The indices in the topology of the atoms.
        settings: How to train.
        random_seed: Seeds the weights, the batches, the poses and the noise.
        on_epoch: Called after every epoch.
        weights: How much each frame counts in the loss and in the FVE, with ``shape=(n_frames,)``; equally by default.

    Raises:
        InputError: If there are no training or no validation frames, frames are not finite, or training diverges.
    """
    if not np.isfinite(frames).all():
        raise InputError(
            "the training set holds coordinates that are not finite; remove the trajectory they came from."
        )
    if is_validation.all() or not is_validation.any():
        raise InputError(
            f"the training set has {np.sum(~is_validation)} training and {np.sum(is_validation)} validation frames; "
            "both are needed: give more frames, or smaller training.validation_block_frames."
        )
    settings = settings.with_scales(frames[~is_validation])
    layout = OutputLayout(
        settings.outputs or (PositionsOutput.of_all(reference),), settings.scale, settings.distance_scale
    )
    torch.manual_seed(random_seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device=device).manual_seed(random_seed)
    n_threads = torch.get_num_threads()
    data, validation = (
        Batches(frames[rows], None if weights is None else weights[rows], layout, settings, generator, n_threads > 1)
        for rows in (~is_validation, is_validation)
    )
    network = Autoencoder(
        settings.features.n_inputs(len(atoms)),
        settings.hidden_layers,
        settings.cv_kinds,
        settings.activation,
        layout.n_columns,
        settings.hierarchy,
    ).to(device)
    if settings.method == AUTOENCODER:
        start_from_dihedrals(network, settings.features, data)
        torch.set_num_threads(max(1, n_threads - 1))  # one makes batches
        try:
            loss_curve, best_epoch = _fit(network, data, validation, settings, on_epoch)
        finally:
            torch.set_num_threads(n_threads)
    else:
        solve(network, settings.method, data)
        loss_curve, best_epoch = np.array([[_loss_over_all(network, part) for part in (data, validation)]]), 1

    nodes = encoder_nodes(network, data)
    network.double()
    standardise(network, nodes, mixes=settings.hierarchy == "none")
    encoder = _export_encoder(network, atoms, reference, settings, layout)
    decoder = _export_decoder(network, atoms, settings, layout)
    network.float()
    mean_nodes = encoder_nodes(network, data).mean(dim=0)
    fve = explained_variance(network, validation, mean_nodes)
    return TrainingResult(
        encoder=encoder,
        decoder=decoder,
        fve_training=explained_variance(network, data, mean_nodes).whole,
        fve_validation=fve.whole,
        fve_lost_per_cv=[fve.whole - without for without in fve.without_cv],
        fve_cumulative=fve.cumulative,
        pose_variance_fraction=pose_variance_fraction(encoder, frames[is_validation], random_seed),
        loss_curve=loss_curve,
        best_epoch=best_epoch,
    )


def _export_encoder(
    network: Autoencoder, atoms: np.ndarray, reference: np.ndarray, settings: TrainingSettings, layout: OutputLayout
) -> Encoder:
    layers = [layer for layer in network.encoder if isinstance(layer, nn.Linear)]
    others = [group.reference for _, group in layout.positions() if not np.array_equal(group.reference, reference)]
    return Encoder(
        atoms=np.asarray(atoms),
        scale=layout.scale,
        references=np.stack([center(np.asarray(part, dtype=float)) for part in (reference, *others)]),
        superposes=settings.superposes,
        weights=tuple(layer.weight.detach().cpu().numpy().copy() for layer in layers),
        biases=tuple(layer.bias.detach().cpu().numpy().copy() for layer in layers),
        activation=settings.activation,
        cv_kinds=settings.cv_kinds,
        features=settings.features,
    )


def _export_decoder(
    network: Autoencoder, atoms: np.ndarray, settings: TrainingSettings, layout: OutputLayout
) -> Decoder:
    columns, returned = next(
        ((columns, group.atoms) for columns, group in layout.positions()), (slice(0, 0), np.empty(0, dtype=np.int64))
    )
    return Decoder(
        network=copy.deepcopy(network.decoder).cpu(),
        cv_kinds=settings.cv_kinds,
        hidden_layers=settings.hidden_layers,
        activation=settings.activation,
        hierarchy=settings.hierarchy,
        scale=layout.scale,
        atoms=np.asarray(atoms)[returned],
        columns=columns,
    )


def _fit(
    network: Autoencoder,
    data: Batches,
    validation: Batches,
    settings: TrainingSettings,
    on_epoch: Callable[[], object],
) -> tuple[np.ndarray, int]:
    """Train until the validation loss stands still; leave the best weights in the network."""
    optimizer = _make_optimizer(network, settings)
    scheduler = _make_scheduler(optimizer, settings)
    losses: list[tuple[float, float]] = []
    best_loss, best_epoch, best_weights = float("inf"), 0, copy.deepcopy(network.state_dict())
    for epoch in range(1, settings.max_epochs + 1):
        total, total_weight = 0.0, 0.0
        for inputs, targets, weights in data.epoch():
            loss = data.loss(network.levels(inputs), targets, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen = len(inputs) if weights is None else weights.sum()
            total, total_weight = total + loss.detach() * seen, total_weight + seen
        validation_loss = _loss_over_all(network, validation)
        losses.append((float(total / total_weight), validation_loss))
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(validation_loss)
        else:
            scheduler.step()
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
def _loss_over_all(network: Autoencoder, data: Batches) -> float:
    total, total_weight = 0.0, 0.0
    for inputs, targets, weights in data.clean_batches():
        seen = float(len(inputs) if weights is None else weights.sum())
        total += data.loss(network.levels(inputs), targets, weights).item() * seen
        total_weight += seen
    return total / total_weight


def _make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    options = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay, "fused": True}
    if settings.optimizer == "sgd":
        options |= {"momentum": settings.momentum, "nesterov": settings.momentum > 0}
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    return _without_compiler(kinds[settings.optimizer])(network.parameters(), **options)


def _without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return an optimiser that does not load PyTorch's compiler, which takes as long as PyTorch itself and is not used here.

    What loads it are wrappers around three methods; they only tell the compiler where to stop, but that of ``step`` also turns
    gradients off.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in ("add_param_group", "zero_grad", "step")}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(methods["step"])})


def _make_scheduler(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.learning_rate_schedule == "plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=_LEARNING_RATE_FACTOR, patience=settings.patience // 2
        )
    if settings.learning_rate_schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.max_epochs)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)

"""The trained encoder: an explicit, differentiable collective variable, stored as plain arrays."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from .alignment import center, split, superpose
from .errors import InputError
from .features import Features
from .files import read_arrays, write_arrays
from .packing import CIRCULAR, LINEAR, SILU_ACTIVATION, TANH, TANH_ACTIVATION, Network, pack

CV_KINDS = {"linear": LINEAR, "tanh": TANH, "circular": CIRCULAR}
ACTIVATIONS = {"tanh": TANH_ACTIVATION, "silu": SILU_ACTIVATION}

_AT_ONCE = 1024
"""Frames that are evaluated together: their inputs, of which there may be thousands, are in double precision."""


def n_output_nodes(cv_kinds: tuple[str, ...]) -> int:
    """Count the nodes of a CV layer: a circular CV is the angle of a pair of nodes."""
    return sum(2 if kind == "circular" else 1 for kind in cv_kinds)


def cv_periods(cv_kinds: tuple[str, ...]) -> np.ndarray:
    """Return the period of each CV with ``shape=(n_cvs,)``; infinity for a CV that does not repeat."""
    return np.array([2 * np.pi if kind == "circular" else np.inf for kind in cv_kinds])


@dataclass(frozen=True)
class Encoder:
    """A fully connected network from what it sees of some atoms to collective variables.

    Attributes:
        atoms: The indices in the topology of the atoms it sees, with ``shape=(n_atoms,)``.
        scale: The length [nm] by which coordinates are divided.
        references: The structures [nm], centred, on which its training targets were superposed, with
            ``shape=(n_references, n_atoms, 3)``. The first is also the one that inputs are superposed on.
        superposes: Whether inputs are superposed on the first reference; otherwise they are only centred.
        weights: One matrix a layer with ``shape=(n_out, n_in)``.
        biases: One vector a layer with ``shape=(n_out,)``.
        activation: The activation of the hidden layers, a key of ``ACTIVATIONS``.
        cv_kinds: The kind of each collective variable, keys of ``CV_KINDS``.
        features: What its input nodes are.
    """

    atoms: np.ndarray
    scale: float
    references: np.ndarray
    superposes: bool
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: str
    cv_kinds: tuple[str, ...]
    features: Features = field(default_factory=Features)

    @property
    def n_cvs(self) -> int:
        return len(self.cv_kinds)

    @property
    def periods(self) -> np.ndarray:
        """The period of each CV with ``shape=(n_cvs,)``; infinity for a CV that does not repeat."""
        return cv_periods(self.cv_kinds)

    @cached_property
    def kernel_arguments(self) -> tuple[np.ndarray, np.ndarray]:
        """The network as the kernel takes it: its integers and its other numbers."""
        return pack(
            Network(
                superposes=self.superposes,
                reference=self.references[0],
                uses_positions=self.features.positions,
                scale=self.scale,
                dihedrals=self.features.dihedrals,
                pairs=self.features.pairs,
                distance_scale=self.features.distance_scale,
                sizes=np.array([self.weights[0].shape[1], *(len(bias) for bias in self.biases)]),
                forward_weights=np.concatenate([weight.T.ravel() for weight in self.weights]),
                backward_weights=np.concatenate([weight.ravel() for weight in self.weights]),
                biases=np.concatenate(self.biases),
                activation=ACTIVATIONS[self.activation],
                cv_kinds=np.array([CV_KINDS[kind] for kind in self.cv_kinds]),
            )
        )

    def evaluate(self, frames: np.ndarray) -> np.ndarray:
        """Evaluate the collective variables of many frames; a simulation takes those of one from ``kernel``.

        Args:
            frames: The coordinates [nm] of the encoder's atoms with ``shape=(n_frames, n_atoms, 3)``.

        Returns:
            The collective variables with ``shape=(n_frames, n_cvs)``.

        Raises:
            InputError: If a coordinate is not finite.
        """
        parts = split(np.asarray(frames), _AT_ONCE)
        finite = np.concatenate([np.isfinite(part).all(axis=(1, 2)) for part in parts])
        if not finite.all():
            raise InputError(
                f"{np.sum(~finite)} of {len(finite)} frames hold coordinates that are not finite, the first of them frame "
                f"{int(np.argmin(finite))}; leave them out."
            )
        return np.concatenate([self._evaluate(np.asarray(part, dtype=float)) for part in parts])

    def _evaluate(self, frames: np.ndarray) -> np.ndarray:
        placed = superpose(frames, self.references[0]) if self.superposes else center(frames)
        nodes = self.features.evaluate(placed, self.scale)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            nodes = (_activate(nodes, self.activation) if layer else nodes) @ weight.T + bias
        columns, node = [], 0
        for kind in self.cv_kinds:
            if kind == "circular":
                columns.append(np.arctan2(nodes[:, node + 1], nodes[:, node]))
            else:
                columns.append(np.tanh(nodes[:, node]) if kind == "tanh" else nodes[:, node])
            node += 2 if kind == "circular" else 1
        return np.stack(columns, axis=1)

    def displacement(self, cvs: np.ndarray, center: np.ndarray) -> np.ndarray:
        """Return ``cvs - center`` by the minimum image where a CV is circular, broadcast over leading axes."""
        return minimum_image(np.asarray(cvs) - center, self.periods)

    def save(self, path: Path) -> None:
        """Write the encoder to an ``.npz`` file of plain arrays."""
        layers = {f"weight_{i}": weight for i, weight in enumerate(self.weights)}
        layers |= {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        write_arrays(
            path,
            atoms=self.atoms,
            scale=np.array(self.scale),
            references=self.references,
            superposes=np.array(self.superposes),
            positions=np.array(self.features.positions),
            dihedrals=self.features.dihedrals,
            pairs=self.features.pairs,
            distance_scale=np.array(self.features.distance_scale),
            activation=np.array(self.activation),
            cv_kinds=np.array(self.cv_kinds),
            layers=np.array([self.weights[0].shape[1], *(len(bias) for bias in self.biases)]),
            **layers,
        )

    @staticmethod
    def load(path: Path) -> "Encoder":
        """Read an encoder that ``save`` has written.

        Raises:
            InputError: If the file is not an encoder.
        """
        try:
            arrays = read_arrays(path)
            n_layers = len(arrays["layers"]) - 1
            return Encoder(
                atoms=arrays["atoms"],
                scale=float(arrays["scale"]),
                references=arrays["references"],
                superposes=bool(arrays["superposes"]),
                weights=tuple(arrays[f"weight_{i}"] for i in range(n_layers)),
                biases=tuple(arrays[f"bias_{i}"] for i in range(n_layers)),
                activation=str(arrays["activation"]),
                cv_kinds=tuple(str(kind) for kind in arrays["cv_kinds"]),
                features=Features(
                    bool(arrays["positions"]), arrays["dihedrals"], arrays["pairs"], float(arrays["distance_scale"])
                ),
            )
        except KeyError as error:
            raise InputError(f"{path} is not an encoder: it has no {error}; remove it and run again.") from error


def _activate(nodes: np.ndarray, activation: str) -> np.ndarray:
    if activation == "tanh":
        return np.tanh(nodes)
    with np.errstate(over="ignore"):  # exp −z is infinite, and its inverse zero, as they should be
        return nodes / (1 + np.exp(-nodes))


def minimum_image(differences: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Fold differences with ``shape=(..., n_cvs)`` into half a period to either side of zero."""
    periodic = np.isfinite(periods)
    period = np.where(periodic, periods, 1.0)
    return differences - np.where(periodic, period * np.round(differences / period), 0.0)


def cv_scales(cvs: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return the unit of distance along each CV: its standard deviation, or 1 rad if it is periodic."""
    return np.where(np.isfinite(periods), 1.0, np.maximum(cvs.std(axis=0), np.finfo(float).tiny))

"""The autoencoder network (torch): features, an encoder to collective variables, and a decoder to aligned coordinates."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from .encoder import Encoder, n_output_nodes
from .features import Features

_ACTIVATIONS = {"tanh": nn.Tanh, "silu": nn.SiLU}
_SMALLEST_NORMALS = 1e-16  # nm⁴: below it three atoms of a dihedral lie on one line


def featurise(frames: torch.Tensor, features: Features, scale: float) -> torch.Tensor:
    """Turn centred frames [nm] with ``shape=(n_frames, n_atoms, 3)`` into inputs with ``shape=(n_frames, n_inputs)``."""
    columns = [frames.flatten(1) / scale] if features.positions else []
    if len(features.dihedrals):
        first, second, third, fourth = (
            frames[:, torch.as_tensor(atoms, device=frames.device)] for atoms in features.dihedrals.T
        )
        axis = second - third
        a, b = torch.linalg.cross(first - second, axis), torch.linalg.cross(fourth - third, axis)
        cosine = (a * b).sum(dim=2)
        sine = (torch.linalg.cross(b, a) * axis).sum(dim=2) / axis.norm(dim=2)
        pairs = nn.functional.normalize(torch.stack([cosine, sine], dim=2), dim=2, eps=_SMALLEST_NORMALS)
        columns.append(pairs.flatten(1))
    if len(features.pairs):
        first, last = (frames[:, torch.as_tensor(atoms, device=frames.device)] for atoms in features.pairs.T)
        columns.append((first - last).norm(dim=2) / features.distance_scale)
    return torch.cat(columns, dim=1)


def _fully_connected(sizes: list[int], activation: str) -> nn.Sequential:
    """Stack linear layers with an activation after each but the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        linear = nn.Linear(n_in, n_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class CVLayer(nn.Module):
    """Turn the last nodes of an encoder into what the decoder reads: one node a CV, or a unit-norm pair if circular."""

    def __init__(self, cv_kinds: tuple[str, ...]):
        super().__init__()
        self.cv_kinds = cv_kinds

    def forward(self, nodes: torch.Tensor) -> torch.Tensor:
        columns, node = [], 0
        for kind in self.cv_kinds:
            width = n_output_nodes((kind,))
            column = nodes[:, node : node + width]
            if kind == "circular":
                column = nn.functional.normalize(column, dim=1)
            elif kind == "tanh":
                column = torch.tanh(column)
            columns.append(column)
            node += width
        return torch.cat(columns, dim=1)


class Autoencoder(nn.Module):
    """A network that returns a conformation superposed on each of its references.

    All layers but the last are shared by the references; the last has one block of outputs for each (W. Chen,
    A. R. Tan & A. L. Ferguson, J. Chem. Phys. 149, 072312 (2018), doi:10.1063/1.5023804).
    """

    def __init__(
        self, n_inputs: int, hidden_layers: list[int], cv_kinds: tuple[str, ...], activation: str, n_outputs: int
    ):
        super().__init__()
        n_nodes = n_output_nodes(cv_kinds)
        self.activation = activation
        self.encoder = _fully_connected([n_inputs, *hidden_layers, n_nodes], activation)
        self.cv_layer = CVLayer(cv_kinds)
        self.decoder = _fully_connected([n_nodes, *reversed(hidden_layers), n_outputs], activation)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs with ``shape=(n_frames, n_inputs)`` to outputs with ``shape=(n_frames, n_outputs)``."""
        return self.decoder(self.cv_layer(self.encoder(inputs)))


def export_encoder(
    network: Autoencoder,
    inputs: torch.Tensor,
    atoms: np.ndarray,
    scale: float,
    references: np.ndarray,
    superposes: bool,
    features: Features,
) -> Encoder:
    """Turn the trained encoder into plain arrays, with its linear CVs whitened.

    A linear CV is only defined up to an affine map, which the decoder undoes; whitened on the training set (principal
    axes, unit variance, the largest first) one unit means the same along every CV.

    Args:
        network: The trained network.
        inputs: The training set as the network takes it, with ``shape=(n_frames, n_inputs)``.
        atoms: The atoms' indices in the topology.
        scale: The length [nm] by which coordinates were divided.
        references: The references [nm] with ``shape=(n_references, n_atoms, 3)``.
        superposes: Whether inputs are superposed on the first reference.
        features: What the inputs are.
    """
    linear_layers = [layer for layer in network.encoder if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().cpu().double().numpy() for layer in linear_layers]
    biases = [layer.bias.detach().cpu().double().numpy() for layer in linear_layers]
    cv_kinds = network.cv_layer.cv_kinds
    if set(cv_kinds) == {"linear"}:
        mean, whitening = find_whitening(network, inputs)
        weights[-1] = whitening @ weights[-1]
        biases[-1] = whitening @ (biases[-1] - mean)
    return Encoder(
        atoms=np.asarray(atoms),
        scale=scale,
        references=np.asarray(references, dtype=float),
        superposes=superposes,
        weights=tuple(weights),
        biases=tuple(biases),
        activation=network.activation,
        cv_kinds=cv_kinds,
        features=features,
    )


@torch.no_grad()
def find_whitening(network: Autoencoder, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of an encoder's nodes, and the matrix that maps deviations from it to uncorrelated unit variances.

    A direction in which nothing varies keeps its scale.
    """
    values = network.encoder(inputs).cpu().double().numpy()
    mean = values.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(values - mean, rowvar=False).reshape(values.shape[1], -1))
    order = np.argsort(variances)[::-1]
    variances, axes = variances[order], axes[:, order]
    varies = variances > np.finfo(float).eps * variances[0]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), range(len(order))] < 0, -1.0, 1.0)
    return mean, axes.T / np.sqrt(np.where(varies, variances, 1.0))[:, None]

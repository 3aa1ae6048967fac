"""The autoencoder network (torch): features, an encoder to collective variables, and a decoder to the outputs."""

import numpy as np
import torch
from torch import nn

from .decoder import DECODERS, fully_connected, node_slices
from .encoder import n_output_nodes
from .features import SMALLEST_NORMALS, Features


def featurise(frames: torch.Tensor, features: Features, scale: float) -> torch.Tensor:
    """Turn centred frames [nm] with ``shape=(n_frames, n_atoms, 3)`` into inputs with ``shape=(n_frames, n_inputs)``."""
    positions = frames.flatten(1)
    columns = [positions if scale == 1 else positions / scale] if features.positions else []
    if len(features.dihedrals):
        first, second, third, fourth = (
            frames[:, torch.as_tensor(atoms, device=frames.device)] for atoms in features.dihedrals.T
        )
        axis = second - third
        a, b = torch.linalg.cross(first - second, axis), torch.linalg.cross(fourth - third, axis)
        cosine = (a * b).sum(dim=2)
        sine = (torch.linalg.cross(b, a) * axis).sum(dim=2) / axis.norm(dim=2)
        pairs = nn.functional.normalize(torch.stack([cosine, sine], dim=2), dim=2, eps=SMALLEST_NORMALS)
        columns.append(pairs.flatten(1))
    if len(features.pairs):
        first, last = (frames[:, torch.as_tensor(atoms, device=frames.device)] for atoms in features.pairs.T)
        columns.append((first - last).norm(dim=2) / features.distance_scale)
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)


class CVLayer(nn.Module):
    """Turn the last nodes of an encoder into what the decoder reads: one node a CV, or a unit-norm pair if circular."""

    def __init__(self, cv_kinds: tuple[str, ...]):
        super().__init__()
        self.cv_kinds = cv_kinds

    def forward(self, nodes: torch.Tensor) -> torch.Tensor:
        if set(self.cv_kinds) == {"linear"}:
            return nodes
        columns = []
        for kind, part in zip(self.cv_kinds, node_slices(self.cv_kinds), strict=True):
            column = nodes[:, part]
            if kind == "circular":
                column = nn.functional.normalize(column, dim=1)
            elif kind == "tanh":
                column = torch.tanh(column)
            columns.append(column)
        return torch.cat(columns, dim=1)


class Autoencoder(nn.Module):
    """A network from what it sees of a conformation through a few collective variables to its outputs.

    The outputs of several references, superposed each in its own way, share all layers but the last (W. Chen, A. R. Tan &
    A. L. Ferguson, J. Chem. Phys. 149, 072312 (2018), doi:10.1063/1.5023804).

    Args:
        n_inputs: The number of input nodes.
        hidden_layers: The widths of the encoder's hidden layers; the decoder mirrors them.
        cv_kinds: The kind of each CV.
        activation: The activation of the hidden layers.
        n_outputs: The number of output nodes.
        hierarchy: A key of ``DECODERS``.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_layers: list[int],
        cv_kinds: tuple[str, ...],
        activation: str,
        n_outputs: int,
        hierarchy: str = "none",
    ):
        super().__init__()
        self.activation = activation
        self.encoder = fully_connected([n_inputs, *hidden_layers, n_output_nodes(cv_kinds)], activation)
        self.cv_layer = CVLayer(cv_kinds)
        self.decoder = DECODERS[hierarchy](cv_kinds, hidden_layers, activation, n_outputs)

    def levels(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Map inputs with ``shape=(n_frames, n_inputs)`` to outputs with ``shape=(n_frames, n_outputs)``.

        In a hierarchy there is one set of outputs for the first CV, one for the first two, and so on.
        """
        return self.decoder.levels(self.cv_layer(self.encoder(inputs)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs with ``shape=(n_frames, n_inputs)`` to outputs with ``shape=(n_frames, n_outputs)``."""
        return self.levels(inputs)[-1]


@torch.no_grad()
def standardise(network: Autoencoder, nodes: torch.Tensor, mixes: bool) -> None:
    """Give the linear CVs of a trained network zero mean and unit variance, and let the decoder undo it.

    A linear CV is only defined up to an affine map; standardised, one unit means the same along every CV. Where the CVs
    are not in a hierarchy they are also mixed, so that they are uncorrelated, the largest principal axis first.

    Args:
        network: The network; its weights are changed, what it returns is not.
        nodes: The encoder's last nodes over the training set with ``shape=(n_frames, n_nodes)``.
        mixes: Whether linear CVs are mixed.
    """
    slices = node_slices(network.cv_layer.cv_kinds)
    linear = [part.start for part, kind in zip(slices, network.cv_layer.cv_kinds, strict=True) if kind == "linear"]
    if not linear:
        return
    mean, whitening = find_whitening(nodes[:, linear].double().cpu().numpy(), mixes)
    last = network.encoder[-1]
    mean, whitening = (torch.as_tensor(part).to(last.weight) for part in (mean, whitening))
    last.weight[linear] = whitening @ last.weight[linear]
    last.bias[linear] = whitening @ (last.bias[linear] - mean)

    n_nodes = last.out_features
    back, offset = torch.eye(n_nodes).to(last.weight), torch.zeros(n_nodes).to(last.weight)
    rows = torch.as_tensor(linear, device=back.device)
    back[rows[:, None], rows], offset[rows] = torch.linalg.inv(whitening), mean
    for layer, read in network.decoder.first_layers():
        layer.bias += layer.weight @ offset[read]
        layer.weight.copy_(layer.weight @ back[read, read])


def find_whitening(values: np.ndarray, mixes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of values, and the matrix that maps deviations from it to unit variances.

    A direction in which nothing varies keeps its scale.

    Args:
        values: With ``shape=(n_frames, n_values)``.
        mixes: Whether the matrix also removes correlations, by principal axes, the largest first; else it is diagonal.
    """
    mean = values.mean(axis=0)
    covariance = np.cov(values - mean, rowvar=False).reshape(values.shape[1], -1)
    if not mixes:
        variances = np.diag(covariance)
        varies = variances > np.finfo(float).eps * variances.max()
        return mean, np.diag(1 / np.sqrt(np.where(varies, variances, 1.0)))
    variances, axes = np.linalg.eigh(covariance)
    order = np.argsort(variances)[::-1]
    variances, axes = variances[order], axes[:, order]
    varies = variances > np.finfo(float).eps * variances[0]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), range(len(order))] < 0, -1.0, 1.0)
    return mean, axes.T / np.sqrt(np.where(varies, variances, 1.0))[:, None]

"""Where the training of a circular encoder without hidden layers starts: at the dihedrals that say most about the others."""

import numpy as np
import torch

from .autoencoder import Autoencoder
from .batches import Batches
from .closed_form import fit_decoder
from .decoder import node_slices
from .features import Features

_SMALL = 0.1  # of the random weights, which are left as what tells restarts apart
_NOTHING_LEFT = 1e-9  # of the variance, below which a dihedral adds nothing


def choose_dihedrals(inputs: np.ndarray, n: int) -> list[int]:
    """Choose dihedrals one after another, each the one that explains most of what those before it leave unexplained.

    Args:
        inputs: Cosine and sine of each dihedral, with ``shape=(n_frames, 2 * n_dihedrals)``.
        n: How many.

    Returns:
        The numbers of the dihedrals, the most telling first; fewer than ``n`` where the others have nothing to add.
    """
    residual = np.cov(inputs, rowvar=False)
    total, chosen = np.trace(residual), []
    for _ in range(min(n, len(residual) // 2)):
        gains = [_explained(residual, 2 * i) if i not in chosen else 0.0 for i in range(len(residual) // 2)]
        best = int(np.argmax(gains))
        if gains[best] < _NOTHING_LEFT * total:
            break
        chosen.append(best)
        columns = residual[:, 2 * best : 2 * best + 2]
        residual = residual - columns @ np.linalg.pinv(columns[2 * best : 2 * best + 2], hermitian=True) @ columns.T
    return chosen


def _explained(covariance: np.ndarray, start: int) -> float:
    """Return how much of the whole variance a linear regression on two neighbouring columns explains."""
    columns = covariance[:, start : start + 2]
    return float(np.trace(columns @ np.linalg.pinv(columns[start : start + 2], hermitian=True) @ columns.T))


@torch.no_grad()
def start_from_dihedrals(network: Autoencoder, features: Features, data: Batches) -> None:
    """Set the weights of an autoencoder without hidden layers so that each circular CV starts as one dihedral.

    From random weights such a network mostly ends where every CV is a mixture of several dihedrals, at less explained
    variance, and no step leads out of there. The decoder starts as the linear regression that fits. Networks of another
    form are left alone.

    Args:
        network: The network; the rest of the encoder's weights stays random, but small.
        features: What it sees.
        data: The training frames.
    """
    kinds = network.cv_layer.cv_kinds
    sees_dihedrals_only = len(features.dihedrals) and not features.positions and not len(features.pairs)
    layers = [*network.encoder, *network.decoder.modules()]
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    if len(linear) > 2 or set(kinds) != {"circular"} or not sees_dihedrals_only:
        return
    inputs, targets = (torch.cat(parts) for parts in list(zip(*data.clean_batches(), strict=True))[:2])
    encoder = linear[0]
    encoder.weight *= _SMALL
    chosen = choose_dihedrals(inputs.double().cpu().numpy(), len(kinds))
    for dihedral, nodes in zip(chosen, node_slices(kinds), strict=False):
        encoder.weight[nodes, 2 * dihedral : 2 * dihedral + 2] += torch.eye(2).to(encoder.weight)
    fit_decoder(network, inputs, targets)

"""Networks that need no training, for comparison: principal components, and known dihedrals (torch)."""

import torch

from .autoencoder import Autoencoder
from .batches import Batches
from .methods import PCA, check_size


@torch.no_grad()
def solve(network: Autoencoder, method: str, data: Batches) -> None:
    """Set the weights of an autoencoder without hidden layers in closed form; the decoder is the linear regression.

    The best linear autoencoder spans the first principal components of what it sees (P. Baldi & K. Hornik, Neural Netw. 2, 53
    (1989), doi:10.1016/0893-6080(89)90014-2).

    Args:
        network: The network.
        method: ``PCA`` for the principal components of the inputs, ``DIHEDRALS`` for the dihedrals that it sees, in their order.
        data: The training frames.

    Raises:
        InputError: If there are not as many dihedrals as collective variables, or fewer inputs than these.
    """
    inputs, targets = (torch.cat(parts) for parts in list(zip(*data.clean_batches(), strict=True))[:2])
    (encoder,) = network.encoder
    n_nodes, n_inputs = encoder.weight.shape
    check_size(method, n_inputs, n_nodes)
    if method == PCA:
        mean = inputs.double().mean(dim=0)
        axes = torch.linalg.eigh(torch.cov((inputs.double() - mean).T)).eigenvectors.flip(1)[:, :n_nodes].T
        encoder.weight.copy_(axes)
        encoder.bias.copy_(-axes @ mean)
    else:
        encoder.weight.copy_(torch.eye(n_nodes))
        encoder.bias.zero_()
    fit_decoder(network, inputs, targets)


@torch.no_grad()
def fit_decoder(network: Autoencoder, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Set a decoder of one layer to the linear regression of the targets on what the encoder makes of the inputs."""
    (decoder,) = (layer for layer in network.decoder.modules() if isinstance(layer, torch.nn.Linear))
    nodes = network.cv_layer(network.encoder(inputs))
    design = torch.cat([nodes, torch.ones_like(nodes[:, :1])], dim=1)
    solution = torch.linalg.lstsq(design.double().cpu(), targets.double().cpu(), driver="gelsd").solution.T
    decoder.weight.copy_(solution[:, :-1])
    decoder.bias.copy_(solution[:, -1])

"""Networks that turn collective variables back into conformations (torch), and the trained one as a file of plain arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .encoder import n_output_nodes
from .errors import InputError
from .files import read_arrays, write_arrays

_ACTIVATIONS = {"tanh": nn.Tanh, "silu": nn.SiLU}
_PARAMETER = "parameter."  # starts the names of a network's arrays in a file


def fully_connected(sizes: list[int], activation: str) -> nn.Sequential:
    """Stack linear layers with an activation after each but the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        linear = nn.Linear(n_in, n_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def node_slices(cv_kinds: tuple[str, ...]) -> list[slice]:
    """Return which nodes of a CV layer belong to each CV."""
    ends = np.cumsum([n_output_nodes((kind,)) for kind in cv_kinds]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


class PlainDecoder(nn.Module):
    """One network from all CVs to the outputs."""

    def __init__(self, cv_kinds: tuple[str, ...], hidden_layers: list[int], activation: str, n_outputs: int):
        super().__init__()
        self.layers = fully_connected([n_output_nodes(cv_kinds), *reversed(hidden_layers), n_outputs], activation)

    def levels(self, nodes: torch.Tensor) -> list[torch.Tensor]:
        """Return the outputs; the error counts at one level only."""
        return [self.layers(nodes)]

    def first_layers(self) -> Iterator[tuple[nn.Linear, slice]]:
        """Yield the layers that read CVs, each with the nodes that it reads."""
        yield self.layers[0], slice(None)


class _Hierarchy(nn.Module):
    """Decoders of which each reads some of the nodes; ``decoders`` and ``slices`` belong together."""

    decoders: nn.ModuleList
    slices: list[slice]

    def first_layers(self) -> Iterator[tuple[nn.Linear, slice]]:
        """Yield the layers that read CVs, each with the nodes that it reads."""
        for decoder, columns in zip(self.decoders, self.slices, strict=True):
            yield decoder[0], columns


class SharedLayerDecoder(_Hierarchy):
    """A map of its own for each CV, whose sums over the first k CVs go through one final layer shared by all k."""

    def __init__(self, cv_kinds: tuple[str, ...], hidden_layers: list[int], activation: str, n_outputs: int):
        super().__init__()
        if not hidden_layers:
            raise InputError("training.hierarchy 'shared' needs a hidden layer to share; give training.hidden_layers.")
        self.slices = node_slices(cv_kinds)
        self.decoders = nn.ModuleList(
            fully_connected([n_output_nodes((kind,)), *reversed(hidden_layers)], activation) for kind in cv_kinds
        )
        self.last = fully_connected([hidden_layers[0], n_outputs], activation)
        self.activation = _ACTIVATIONS[activation]()

    def levels(self, nodes: torch.Tensor) -> list[torch.Tensor]:
        """Return the outputs from the first CV, from the first two, and so on."""
        total, outputs = 0.0, []
        for decoder, columns in zip(self.decoders, self.slices, strict=True):
            total = total + decoder(nodes[:, columns])
            outputs.append(self.last(self.activation(total)))
        return outputs


class SeparateDecoders(_Hierarchy):
    """A network for each k, which reads the first k CVs."""

    def __init__(self, cv_kinds: tuple[str, ...], hidden_layers: list[int], activation: str, n_outputs: int):
        super().__init__()
        self.slices = [slice(0, columns.stop) for columns in node_slices(cv_kinds)]
        self.decoders = nn.ModuleList(
            fully_connected([columns.stop, *reversed(hidden_layers), n_outputs], activation) for columns in self.slices
        )

    def levels(self, nodes: torch.Tensor) -> list[torch.Tensor]:
        """Return the outputs from the first CV, from the first two, and so on."""
        return [decoder(nodes[:, columns]) for decoder, columns in zip(self.decoders, self.slices, strict=True)]


class BoostedDecoders(_Hierarchy):
    """A network for each CV, which adds to what those before it return."""

    def __init__(self, cv_kinds: tuple[str, ...], hidden_layers: list[int], activation: str, n_outputs: int):
        super().__init__()
        self.slices = node_slices(cv_kinds)
        self.decoders = nn.ModuleList(
            fully_connected([n_output_nodes((kind,)), *reversed(hidden_layers), n_outputs], activation)
            for kind in cv_kinds
        )

    def levels(self, nodes: torch.Tensor) -> list[torch.Tensor]:
        """Return the outputs from the first CV, from the first two, and so on."""
        total, outputs = 0.0, []
        for decoder, columns in zip(self.decoders, self.slices, strict=True):
            total = total + decoder(nodes[:, columns])
            outputs.append(total)
        return outputs


DECODERS = {
    "none": PlainDecoder,
    "shared": SharedLayerDecoder,
    "separate": SeparateDecoders,
    "boosted": BoostedDecoders,
}
"""The decoder of each hierarchy (W. Chen, A. R. Tan & A. L. Ferguson, J. Chem. Phys. 149, 072312 (2018),
doi:10.1063/1.5023804)."""


@dataclass(frozen=True)
class Decoder:
    """The decoder that was trained together with an encoder: from its collective variables to superposed coordinates.

    Attributes:
        network: The network.
        cv_kinds: The kind of each CV.
        hidden_layers: The widths of the encoder's hidden layers, which the decoder mirrors.
        activation: The activation of the hidden layers.
        hierarchy: A key of ``DECODERS``.
        scale: The length [nm] of one unit of a coordinate.
        atoms: The indices in the topology of the atoms of the first output of coordinates, with ``shape=(n_atoms,)``.
        columns: The output nodes of these coordinates.
    """

    network: nn.Module
    cv_kinds: tuple[str, ...]
    hidden_layers: list[int]
    activation: str
    hierarchy: str
    scale: float
    atoms: np.ndarray
    columns: slice

    @property
    def returns_positions(self) -> bool:
        """Whether coordinates are among what the network returns."""
        return len(self.atoms) > 0

    @torch.no_grad()
    def decode(self, cvs: np.ndarray) -> np.ndarray:
        """Return the coordinates [nm] with ``shape=(n, n_atoms, 3)`` of CVs with ``shape=(n, n_cvs)``.

        Raises:
            InputError: If the network returns no coordinates.
        """
        if not self.returns_positions:
            raise InputError("this decoder returns no coordinates; add an output of kind positions.")
        columns = []
        for kind, values in zip(self.cv_kinds, np.asarray(cvs, dtype=float).T, strict=True):
            columns += [np.cos(values), np.sin(values)] if kind == "circular" else [values]
        outputs = self.network.levels(torch.as_tensor(np.stack(columns, axis=1)))[-1]
        return outputs[:, self.columns].numpy().reshape(len(outputs), -1, 3) * self.scale

    def save(self, path: Path) -> None:
        """Write the decoder to an ``.npz`` file of plain arrays."""
        parameters = {f"{_PARAMETER}{name}": value.numpy() for name, value in self.network.state_dict().items()}
        write_arrays(
            path,
            cv_kinds=np.array(self.cv_kinds),
            hidden_layers=np.array(self.hidden_layers, dtype=np.int64),
            activation=np.array(self.activation),
            hierarchy=np.array(self.hierarchy),
            scale=np.array(self.scale),
            atoms=self.atoms,
            columns=np.array([self.columns.start, self.columns.stop]),
            n_outputs=np.array(_count_outputs(self.network)),
            **parameters,
        )

    @staticmethod
    def load(path: Path) -> "Decoder":
        """Read a decoder that ``save`` has written.

        Raises:
            InputError: If the file is not a decoder.
        """
        arrays = read_arrays(path)
        try:
            cv_kinds = tuple(str(kind) for kind in arrays["cv_kinds"])
            hidden_layers = [int(width) for width in arrays["hidden_layers"]]
            activation, hierarchy = str(arrays["activation"]), str(arrays["hierarchy"])
            network = DECODERS[hierarchy](cv_kinds, hidden_layers, activation, int(arrays["n_outputs"])).double()
            parameters = {
                name.removeprefix(_PARAMETER): torch.as_tensor(value)
                for name, value in arrays.items()
                if name.startswith(_PARAMETER)
            }
            network.load_state_dict(parameters)
            columns = slice(*(int(end) for end in arrays["columns"]))
            scale, atoms = float(arrays["scale"]), arrays["atoms"]
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{path} is not a decoder ({error}); remove it and run again.") from error
        return Decoder(network, cv_kinds, hidden_layers, activation, hierarchy, scale, atoms, columns)


def _count_outputs(network: nn.Module) -> int:
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    return last.out_features

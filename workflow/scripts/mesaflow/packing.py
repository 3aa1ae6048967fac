"""A network as the two flat arrays in which it enters compiled code: numba takes 0.1 µs a call to receive each array."""

from typing import NamedTuple

import numpy as np

LINEAR, TANH, CIRCULAR = 0, 1, 2
"""Codes of the kinds of collective variable; ``kernel`` has all codes compiled in, and changes with them (see there)."""

TANH_ACTIVATION, SILU_ACTIVATION = 0, 1
"""Codes of the activations of hidden layers."""


class Network(NamedTuple):
    """What compiled code reads of an encoder.

    Attributes:
        superposes: Whether positions are superposed on the reference; otherwise they are only centred.
        reference: The reference [nm], centred, with ``shape=(n_atoms, 3)``.
        uses_positions: Whether the coordinates of all atoms are inputs.
        scale: The length [nm] by which coordinates are divided.
        dihedrals: The atoms of each dihedral with ``shape=(n_dihedrals, 4)``.
        pairs: The atoms of each distance with ``shape=(n_pairs, 2)``.
        distance_scale: The length [nm] by which distances are divided.
        sizes: The number of nodes of each layer, from the inputs to those that the CVs are read from.
        forward_weights: The matrices of all layers with ``shape=(n_in, n_out)``, flattened.
        backward_weights: The same matrices with ``shape=(n_out, n_in)``, flattened.
        biases: The biases of all layers.
        activation: The activation of the hidden layers.
        cv_kinds: The kind of each collective variable.
    """

    superposes: bool
    reference: np.ndarray
    uses_positions: bool
    scale: float
    dihedrals: np.ndarray
    pairs: np.ndarray
    distance_scale: float
    sizes: np.ndarray
    forward_weights: np.ndarray
    backward_weights: np.ndarray
    biases: np.ndarray
    activation: int
    cv_kinds: np.ndarray


def pack(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return a network's integers and its other numbers, in the order in which ``kernel.unpack`` takes them."""
    tables = [network.dihedrals, network.pairs, network.sizes, network.cv_kinds]
    arrays = [network.reference, network.forward_weights, network.backward_weights, network.biases]
    flags = [network.superposes, network.uses_positions, network.activation]
    integers = [len(network.reference), len(network.biases), *(len(table) for table in tables), *flags]
    numbers = [network.scale, network.distance_scale]
    return (
        np.concatenate([integers, *(np.ravel(table) for table in tables)]).astype(np.int64),
        np.concatenate([numbers, *(np.ravel(array) for array in arrays)]).astype(np.float64),
    )

"""How collective variables come about: learned, or in closed form for comparison. This module needs no torch."""

from .errors import InputError

AUTOENCODER, PCA, DIHEDRALS = "autoencoder", "pca", "dihedrals"
"""How collective variables come about."""

NEEDS = {
    AUTOENCODER: {},
    PCA: {"cv_layer": "linear", "hidden_layers": [], "hierarchy": "none", "invariance": "alignment"},
    DIHEDRALS: {
        "cv_layer": "circular",
        "hidden_layers": [],
        "hierarchy": "none",
        "invariance": "alignment",
        "inputs": ["dihedrals"],
    },
}
"""What other keys of ``training`` must be for each."""


def check_size(method: str, n_inputs: int, n_nodes: int) -> None:
    """Check that a network has the inputs that its method needs, in nodes: a dihedral and a circular variable have two each.

    Raises:
        InputError: If it has not.
    """
    if method == DIHEDRALS and n_inputs != n_nodes:
        raise InputError(
            f"training.n_cvs is {n_nodes // 2} with training.method 'dihedrals' and {n_inputs // 2} dihedrals; "
            "give as many as training.dihedrals names."
        )
    if method == PCA and n_inputs < n_nodes:
        raise InputError(f"training.n_cvs is {n_nodes} with {n_inputs} inputs; give fewer.")

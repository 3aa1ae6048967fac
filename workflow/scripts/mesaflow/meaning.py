"""What collective variables mean: how they go with quantities that a person can read, and which atoms they feel."""

from dataclasses import dataclass

import mdtraj
import numpy as np

from .bias import HarmonicRestraint
from .encoder import Encoder
from .internal_coordinates import find_dihedrals
from .observables import radii_of_gyration
from .trajectories import atoms_of_molecules

MOST_ATOMS = 20
"""Atoms between which distances are measured; the 190 pairs of 20 are as many as a person can look through."""

_SMALLEST_SPREAD = 1e-5
"""A quantity [nm or rad] with a smaller standard deviation is constant: single-precision coordinates leave 1e-6."""

_BACKBONE = ("phi", "psi", "omega")


@dataclass(frozen=True)
class Quantity:
    """Something measured on a conformation that a person can read.

    Attributes:
        name: Its name, which no other quantity of the molecule has.
        kind: ``dihedral``, ``distance`` or ``radius_of_gyration``.
        atoms: The topology indices of its atoms.
    """

    name: str
    kind: str
    atoms: tuple[int, ...]

    @property
    def is_circular(self) -> bool:
        return self.kind == "dihedral"


def atom_names(topology: mdtraj.Topology) -> list[str]:
    """Name every atom by its residue and itself, as ``ALA2-CA``, with the chain before it where there are several."""
    chains = topology.n_chains > 1
    return [f"{atom.residue.chain.index + 1}:{atom}" if chains else str(atom) for atom in topology.atoms]


def find_quantities(topology: mdtraj.Topology, atoms: np.ndarray) -> list[Quantity]:
    """Find the quantities that collective variables are compared with.

    Args:
        topology: The topology.
        atoms: The topology indices of the atoms that the collective variables see.

    Returns:
        The backbone dihedrals φ, ψ and ω of the whole molecule; a dihedral about every other bond between atoms seen; the
        distances between atoms seen that lie more than two bonds apart, or, where more than ``MOST_ATOMS`` are seen,
        between the α carbons, thinned evenly from the first to the last; and the radius of gyration.
    """
    names = atom_names(topology)
    return [*_dihedrals(topology, atoms, names), *_distances(topology, atoms, names), _radius(topology, atoms)]


def _dihedrals(topology: mdtraj.Topology, atoms: np.ndarray, names: list[str]) -> list[Quantity]:
    by_bond = {}
    for angle in _BACKBONE:
        for quadruple in find_dihedrals(topology, atoms, [angle]):
            # The second atom of all three kinds belongs to the residue that they are named after.
            residue = names[quadruple[1]].rpartition("-")[0]
            by_bond[frozenset(quadruple[1:3])] = Quantity(f"{angle} {residue}", "dihedral", quadruple)
    for quadruple in find_dihedrals(topology, atoms, "bonded"):
        second, third = names[quadruple[1]], names[quadruple[2]]
        by_bond.setdefault(frozenset(quadruple[1:3]), Quantity(f"about {second} {third}", "dihedral", quadruple))
    return list(by_bond.values())


def _distances(topology: mdtraj.Topology, atoms: np.ndarray, names: list[str]) -> list[Quantity]:
    chosen = [int(atom) for atom in atoms]
    if len(chosen) > MOST_ATOMS:
        alpha_carbons = [int(atom) for atom in topology.select("name CA and protein")]
        chosen = alpha_carbons if len(alpha_carbons) > 1 else chosen
        kept = np.unique(np.linspace(0, len(chosen) - 1, MOST_ATOMS).round().astype(int))
        chosen = [chosen[i] for i in kept]
    within_one = {atom.index: {atom.index} for atom in topology.atoms}
    for first, second in topology.bonds:
        within_one[first.index].add(second.index)
        within_one[second.index].add(first.index)
    pairs = [
        (first, second)
        for i, first in enumerate(chosen)
        for second in chosen[i + 1 :]
        if not within_one[first] & within_one[second]
    ]
    return [Quantity(f"{names[first]} {names[second]}", "distance", (first, second)) for first, second in pairs]


def _radius(topology: mdtraj.Topology, atoms: np.ndarray) -> Quantity:
    """Return the radius of gyration of the heavy atoms of the molecules that have atoms seen."""
    inside = {*atoms_of_molecules(topology, atoms).tolist()}
    heavy = tuple(int(atom) for atom in topology.select("not element H") if atom in inside)
    return Quantity("radius of gyration", "radius_of_gyration", heavy)


def measure_quantities(topology: mdtraj.Topology, positions: np.ndarray, quantities: list[Quantity]) -> np.ndarray:
    """Measure quantities.

    Args:
        topology: The topology.
        positions: The positions [nm] of all atoms with ``shape=(n_frames, n_atoms, 3)``.
        quantities: What to measure.

    Returns:
        The values with ``shape=(n_frames, n_quantities)``: dihedral angles [rad] from −π to π, lengths [nm].
    """
    trajectory = mdtraj.Trajectory(positions, topology)
    measures = {"dihedral": mdtraj.compute_dihedrals, "distance": mdtraj.compute_distances}
    values = np.empty((len(positions), len(quantities)))
    for kind, measure in measures.items():
        columns = [i for i, quantity in enumerate(quantities) if quantity.kind == kind]
        if columns:
            values[:, columns] = measure(trajectory, [quantities[i].atoms for i in columns], periodic=False)
    for i, quantity in enumerate(quantities):
        if quantity.kind == "radius_of_gyration":
            values[:, i] = radii_of_gyration(topology, positions, np.array(quantity.atoms))
    return values


def correlations(
    first: np.ndarray, first_is_circular: np.ndarray, second: np.ndarray, second_is_circular: np.ndarray
) -> np.ndarray:
    """Correlate variables on the line or on the circle, each of one set with each of another.

    An angle θ stands for the vector (cos θ, sin θ), and the square of a correlation is the mean of the squared canonical
    correlations between the two vectors. That is Pearson's between two variables on the line, the multiple correlation of
    Mardia (1976) between an angle and a variable on the line, and r²/2 of Jupp & Mardia (1980) between two angles, which is
    1 where they are equal but for sign and a shift. None of them needs a mean direction, as the coefficient of
    Jammalamadaka & SenGupta does: angles that go round the circle evenly have none.

    Args:
        first: Variables with ``shape=(n_frames, n_first)``, angles in rad.
        first_is_circular: Which of them are angles.
        second: Other variables with ``shape=(n_frames, n_second)``.
        second_is_circular: Which of them are angles.

    Returns:
        The correlations with ``shape=(n_first, n_second)``: from −1 to 1 between two variables on the line, from 0 to 1
        where one is an angle, NaN where one is constant.

    References:
        K. V. Mardia, Biometrika 63, 403 (1976), doi:10.1093/biomet/63.2.403; P. E. Jupp & K. V. Mardia,
        Biometrika 67, 163 (1980), doi:10.1093/biomet/67.1.163.
    """
    first_bases = [_basis(column, circular) for column, circular in zip(first.T, first_is_circular, strict=True)]
    second_bases = [_basis(column, circular) for column, circular in zip(second.T, second_is_circular, strict=True)]
    found = np.full((len(first_bases), len(second_bases)), np.nan)
    for i, a in enumerate(first_bases):
        for j, b in enumerate(second_bases):
            n_canonical = min(a.shape[1], b.shape[1])
            if n_canonical == 0:
                continue
            overlaps = a.T @ b  # the canonical correlations are its singular values
            both_on_line = not (first_is_circular[i] or second_is_circular[j])
            found[i, j] = overlaps.item() if both_on_line else np.sqrt((overlaps**2).sum() / n_canonical)
    return np.clip(found, -1, 1)


def _basis(values: np.ndarray, is_circular: bool) -> np.ndarray:
    """Return an orthonormal basis with ``shape=(n_frames, n_dimensions)`` of what a variable varies by."""
    columns = np.column_stack([np.cos(values), np.sin(values)]) if is_circular else np.asarray(values, float)[:, None]
    centered = columns - columns.mean(axis=0)
    smallest = _SMALLEST_SPREAD * np.sqrt(len(values))
    if not is_circular:
        length = np.linalg.norm(centered)
        return centered / length if length > smallest else centered[:, :0]
    u, singular_values, _ = np.linalg.svd(centered, full_matrices=False)
    return u[:, singular_values > smallest]


def cv_gradients(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Return the gradients of collective variables, as a restrained simulation feels them.

    Args:
        encoder: The encoder.
        frames: The coordinates [nm] of its atoms with ``shape=(n_frames, n_atoms, 3)``.

    Returns:
        ∂ξ/∂x [CV unit/nm] with ``shape=(n_frames, n_cvs, n_atoms, 3)``.
    """
    frames = np.asarray(frames, dtype=float)
    cvs = encoder.evaluate(frames)
    restraint = HarmonicRestraint(encoder, np.zeros(encoder.n_cvs), force_constant=1.0)
    gradients = np.empty((len(frames), encoder.n_cvs, len(encoder.atoms), 3))
    for frame in range(len(frames)):
        for k in range(encoder.n_cvs):
            # The energy is ½ (ξ − ξ⁰)², and only ξ_k lies off its centre, by −1: the force is the gradient of ξ_k.
            restraint.center = cvs[frame].copy()
            restraint.center[k] += 1.0
            gradients[frame, k] = restraint.evaluate(frames[frame])[1]
    return gradients


def gradient_norms(encoder: Encoder, frames: np.ndarray) -> np.ndarray:
    """Return how strongly collective variables change with the position of each atom.

    Args:
        encoder: The encoder.
        frames: The coordinates [nm] of its atoms with ``shape=(n_frames, n_atoms, 3)``.

    Returns:
        The root mean square over the frames of |∂ξ/∂x| [CV unit/nm] with ``shape=(n_cvs, n_atoms)``.
    """
    return np.sqrt((cv_gradients(encoder, frames) ** 2).sum(axis=3).mean(axis=0))

"""An equilibrated solvent, and how another conformation of the solute is put into it.

Stored frames hold the solute alone, as the solvent is most of the system and nothing is learned from it. A window that
starts from such a frame starts in the equilibrated box: the solute takes the place of the equilibrated one, solvent
molecules in its way go where that one has been, and the solvent settles while the solute is held.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
import scipy
from openmm import app, unit

from .alignment import superpose
from .equilibration import settle
from .periodic import Molecules, images
from .simulation import Dynamics, SimulationFailure
from .structures import load_structure, positions_of

_CONTACT = 0.25  # nm, between two heavy atoms: nearer than in any hydrogen bond
_CONTACT_OF_HYDROGEN = 0.16  # nm, between a hydrogen of the solute and a heavy atom of the solvent
_IMAGE_CONTACT = 0.3  # nm, between the solute and its own image
_GRID = 0.08  # nm between places that are looked at for a molecule in the way
_AROUND = 0.35  # nm around where the solute has been


@dataclass(frozen=True)
class Solvent:
    """A solvent that was equilibrated around one conformation of a solute.

    Attributes:
        positions: Solute and solvent [nm] with ``shape=(n_atoms, 3)``, the solute first.
        n_solute: How many atoms the solute has.
        is_heavy: Which atoms are neither hydrogens nor virtual sites, ``shape=(n_atoms,)``.
        solute: The molecules of the solute.
        molecules: All molecules, those of the solute first.
        settling: How long the solvent settles around a solute that is held [ps].
    """

    positions: np.ndarray
    n_solute: int
    is_heavy: np.ndarray
    solute: Molecules
    molecules: Molecules
    settling: float = 0.0

    @staticmethod
    def from_structure(
        topology: app.Topology, positions: np.ndarray, system: openmm.System, n_solute: int, settling: float = 0.0
    ) -> "Solvent":
        """Read an equilibrated structure, whose box is that of its system.

        Args:
            topology: Solute and solvent.
            positions: Their positions [nm] with ``shape=(n_atoms, 3)``.
            system: Their system.
            n_solute: How many atoms the solute has, which come first.
            settling: How long the solvent is to settle around a new conformation [ps].
        """
        box = box_of(system)
        molecules = find_molecules(system)
        symbols = [None if atom.element is None else atom.element.symbol for atom in topology.atoms()]
        return Solvent(
            positions=np.asarray(positions, dtype=float),
            n_solute=n_solute,
            is_heavy=np.array([symbol not in (None, "H") for symbol in symbols])
            & np.array([not system.isVirtualSite(i) for i in range(system.getNumParticles())]),
            solute=Molecules.among(molecules, np.arange(n_solute), box),
            molecules=Molecules.among(molecules, np.arange(len(symbols)), box),
            settling=settling,
        )

    @staticmethod
    def load(path: Path, system: openmm.System, n_solute: int, settling: float = 0.0) -> "Solvent":
        """Read an equilibrated structure from a PDB file; see ``from_structure``."""
        structure = load_structure(path)
        return Solvent.from_structure(structure.topology, positions_of(structure), system, n_solute, settling)

    @property
    def box(self) -> np.ndarray:
        """The box vectors [nm] as rows, ``shape=(3, 3)``."""
        return self.molecules.box

    @property
    def held(self) -> np.ndarray:
        """The heavy atoms of the solute, which are held while solvent settles."""
        return np.flatnonzero(self.is_heavy[: self.n_solute])

    def molecules_of(self, atoms: np.ndarray) -> Molecules | None:
        """Return the molecules that some atoms of the solute belong to; None where it is one molecule."""
        if len(self.solute.atoms) == 1:
            return None
        return Molecules.among([molecule.tolist() for molecule in self.solute.atoms], atoms, self.box)

    def take_solute(self, positions: np.ndarray) -> np.ndarray:
        """Return the solute of a frame [nm], ``shape=(n_solute, 3)``, its molecules next to one another."""
        solute = positions[: self.n_solute]
        return solute if len(self.solute.atoms) == 1 else self.solute.gather(solute)

    def solvate(self, solute: np.ndarray, system: openmm.System, dynamics: Dynamics, random_seed: int) -> np.ndarray:
        """Put a conformation of the solute into the solvent, and let the solvent settle around it.

        Args:
            solute: The conformation [nm] with ``shape=(n_solute, 3)``.
            system: The unbiased system.
            dynamics: How to integrate.
            random_seed: Seeds the velocities and the thermostat.

        Returns:
            Solute and solvent [nm] with ``shape=(n_atoms, 3)``.

        Raises:
            SimulationFailure: If the conformation does not fit into the box, or the solvent explodes.
        """
        return settle(system, self.insert(solute), self.held, dynamics, self.settling, random_seed)

    def insert(self, solute: np.ndarray) -> np.ndarray:
        """Put a conformation of the solute in the place of the equilibrated one; the number of molecules stays.

        Solvent molecules in its way are moved, each as a whole, to where most room is in the volume that the solute has
        left.

        Args:
            solute: The conformation [nm] with ``shape=(n_solute, 3)``.

        Returns:
            Solute and solvent [nm] with ``shape=(n_atoms, 3)``.

        Raises:
            SimulationFailure: If the conformation touches its own image.
        """
        before = self.take_solute(self.positions)
        middle = before.mean(axis=0)
        placed = superpose(solute[None], before)[0] + middle
        self._refuse_contact_with_image(placed)
        positions = self.molecules.gather(self.positions, around=middle)
        positions[: self.n_solute] = placed
        for molecule in self._in_the_way(positions):
            others = np.setdiff1d(np.flatnonzero(self.is_heavy), molecule)
            centre = positions[molecule[self.is_heavy[molecule]]].mean(axis=0)
            positions[molecule] += self._roomiest(before, positions[others]) - centre
        return positions

    def clashes(self, positions: np.ndarray) -> np.ndarray:
        """Return the indices of the solvent's heavy atoms that are in contact with the solute."""
        solvent = np.flatnonzero(self.is_heavy[self.n_solute :]) + self.n_solute
        solute, is_heavy = positions[: self.n_solute], self.is_heavy[: self.n_solute]
        touching = np.zeros(len(solvent), dtype=bool)
        for atoms, contact in ((solute[is_heavy], _CONTACT), (solute[~is_heavy], _CONTACT_OF_HYDROGEN)):
            if len(atoms):
                distances, _ = scipy.spatial.cKDTree(images(atoms, self.box)).query(positions[solvent])
                touching |= distances < contact
        return solvent[touching]

    def _in_the_way(self, positions: np.ndarray) -> list[np.ndarray]:
        clashing = set(self.clashes(positions).tolist())
        return [atoms for atoms in self.molecules.atoms if not clashing.isdisjoint(atoms.tolist())]

    def _roomiest(self, before: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the point [nm] where the solute has been that is farthest from all other heavy atoms."""
        low, high = before.min(axis=0) - _AROUND, before.max(axis=0) + _AROUND
        axes = [np.arange(start, stop, _GRID) for start, stop in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        grid = grid[scipy.spatial.cKDTree(before).query(grid)[0] < _AROUND]
        return grid[np.argmax(scipy.spatial.cKDTree(images(others, self.box)).query(grid)[0])]

    def _refuse_contact_with_image(self, solute: np.ndarray) -> None:
        others = images(solute, self.box)[len(solute) :]
        distance = scipy.spatial.cKDTree(others).query(solute)[0].min()
        if distance < _IMAGE_CONTACT:
            raise SimulationFailure(
                f"the conformation comes within {distance:.2f} nm of its own periodic image; a larger box "
                "(system.box.padding_nm) would hold it"
            )


def box_of(system: openmm.System) -> np.ndarray:
    """Return the box vectors [nm] of a system as rows, ``shape=(3, 3)``."""
    vectors = system.getDefaultPeriodicBoxVectors()
    return np.array([vector.value_in_unit(unit.nanometer) for vector in vectors])


def find_molecules(system: openmm.System) -> list[list[int]]:
    """Return the indices of the atoms of each molecule, sorted, in the order of their first atoms."""
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    return sorted(sorted(molecule) for molecule in context.getMolecules())


def load_solvent(files: Mapping[str, str], system: openmm.System, settling: float = 0.0) -> Solvent | None:
    """Read the explicit solvent of a run, if there is any.

    Args:
        files: Names of files: ``topology`` of the solute, and ``solvated`` where there is solvent.
        system: The system.
        settling: How long the solvent is to settle around a new conformation [ps].
    """
    if not files.get("solvated"):
        return None
    return Solvent.load(files["solvated"], system, load_structure(files["topology"]).topology.getNumAtoms(), settling)

"""A harmonic restraint on an encoder's collective variables, as a force that OpenMM calls."""

import numpy as np
import openmm

from . import kernel
from .encoder import Encoder
from .periodic import Molecules


class HarmonicRestraint:
    """U = ½ κ Σ (ξ − ξ⁰)² on the collective variables of an encoder; circular ones by the minimum image.

    OpenMM calls it with a state that holds the encoder's atoms only. A module-level class, because OpenMM pickles the
    function of a force that it copies.

    Attributes:
        center: ξ⁰ with ``shape=(n_cvs,)``.
        force_constant: κ [kJ/mol per squared CV unit]; may be changed between steps.
        molecules: The molecules that the encoder's atoms belong to, where there are several in a periodic box.
    """

    def __init__(self, encoder: Encoder, center: np.ndarray, force_constant: float, molecules: Molecules | None = None):
        self.encoder = encoder
        self.center = np.ascontiguousarray(center, dtype=float)
        self.force_constant = float(force_constant)
        self.molecules = molecules
        self._network = encoder.kernel_arguments
        self._positions = np.empty((len(encoder.atoms), 3))
        self._forces = np.empty((len(encoder.atoms), 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        # The public getPositions(asNumpy=True) allocates and attaches units: 9 µs a step instead of 1.
        state._getVectorAsNumpy(openmm.State.Positions, self._positions)
        if self.molecules is not None:  # shifts by box vectors change no force
            self._positions[:] = self.molecules.gather(self._positions)
        return self._restrain(self._positions), self._forces

    def evaluate(self, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Evaluate the restraint on one conformation.

        Args:
            positions: The coordinates [nm] of the encoder's atoms with ``shape=(n_atoms, 3)``.

        Returns:
            The energy [kJ/mol], the forces [kJ/mol/nm] with ``shape=(n_atoms, 3)``, and the collective variables with
            ``shape=(n_cvs,)``.
        """
        positions = np.ascontiguousarray(positions, dtype=float)
        if self.molecules is not None:
            positions = self.molecules.gather(positions)
        energy = self._restrain(positions)
        return energy, self._forces.copy(), self.encoder.evaluate(positions[None])[0]

    def _restrain(self, positions: np.ndarray) -> float:
        return kernel.restrain(*self._network, positions, self.center, self.force_constant, self._forces)


def add_restraint(system: openmm.System, restraint: HarmonicRestraint) -> None:
    """Add a restraint to a system; only the encoder's atoms travel to it at each step."""
    force = openmm.PythonForce(restraint)
    force.setParticles([int(atom) for atom in restraint.encoder.atoms])
    force.setName("HarmonicRestraint")
    system.addForce(force)

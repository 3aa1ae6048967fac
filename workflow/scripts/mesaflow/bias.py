"""Bias potentials of an encoder's collective variables, as forces that OpenMM calls; the harmonic restraint is one."""

from abc import ABC, abstractmethod

import numpy as np
import openmm

from . import kernel
from .encoder import Encoder
from .periodic import Molecules


class Bias(ABC):
    """A potential of the collective variables of an encoder.

    OpenMM calls it with a state that holds the encoder's atoms only. Its classes are module-level ones, because OpenMM pickles
    the function of a force that it copies.

    Attributes:
        encoder: The collective variables.
        molecules: The molecules that the encoder's atoms belong to, where there are several in a periodic box.
    """

    def __init__(self, encoder: Encoder, molecules: Molecules | None = None):
        self.encoder = encoder
        self.molecules = molecules
        self._network = encoder.kernel_arguments
        self._positions = np.empty((len(encoder.atoms), 3))
        self._forces = np.empty((len(encoder.atoms), 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        # The public getPositions(asNumpy=True) allocates and attaches units: 9 µs a step instead of 1.
        state._getVectorAsNumpy(openmm.State.Positions, self._positions)
        if self.molecules is not None:  # shifts by box vectors change no force
            self._positions[:] = self.molecules.gather(self._positions)
        return self._apply(self._positions), self._forces

    def evaluate(self, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Evaluate the potential on one conformation.

        Args:
            positions: The coordinates [nm] of the encoder's atoms with ``shape=(n_atoms, 3)``.

        Returns:
            The energy [kJ/mol], the forces [kJ/mol/nm] with ``shape=(n_atoms, 3)``, and the collective variables with
            ``shape=(n_cvs,)``.
        """
        positions = np.ascontiguousarray(positions, dtype=float)
        if self.molecules is not None:
            positions = self.molecules.gather(positions)
        energy = self._apply(positions)
        return energy, self._forces.copy(), kernel.evaluate_frames(*self._network, positions[None])[0]

    def learn(self, cvs: np.ndarray) -> None:  # noqa: B027 (most potentials stay as they are)
        """Take note of the collective variables of a recorded frame; called once for each, and again when a run is resumed."""

    @property
    @abstractmethod
    def definition(self) -> dict[str, np.ndarray | float | list]:
        """What determines the potential beside the encoder, for a fingerprint."""

    @property
    @abstractmethod
    def strength(self) -> dict[str, float]:
        """The number by which the potential can be made weaker, under its name in results."""

    @abstractmethod
    def _apply(self, positions: np.ndarray) -> float:
        """Return the energy [kJ/mol] and fill the forces."""


class HarmonicRestraint(Bias):
    """U = ½ κ Σ (ξ − ξ⁰)² on the collective variables of an encoder; circular ones by the minimum image.

    Attributes:
        center: ξ⁰ with ``shape=(n_cvs,)``.
        force_constant: κ [kJ/mol per squared CV unit]; may be changed between steps.
    """

    def __init__(self, encoder: Encoder, center: np.ndarray, force_constant: float, molecules: Molecules | None = None):
        super().__init__(encoder, molecules)
        self.center = np.ascontiguousarray(center, dtype=float)
        self.force_constant = float(force_constant)

    @property
    def definition(self) -> dict[str, np.ndarray | float]:
        return {"center": self.center, "force_constant": self.force_constant}

    @property
    def strength(self) -> dict[str, float]:
        return {"force_constant": self.force_constant}

    def _apply(self, positions: np.ndarray) -> float:
        return kernel.restrain(*self._network, positions, self.center, self.force_constant, self._forces)


def add_bias(system: openmm.System, bias: Bias) -> None:
    """Add a bias potential to a system; only the encoder's atoms travel to it at each step."""
    force = openmm.PythonForce(bias)
    force.setParticles([int(atom) for atom in bias.encoder.atoms])
    force.setName(type(bias).__name__)
    system.addForce(force)


def add_restraint(system: openmm.System, restraint: HarmonicRestraint) -> None:
    """Add a restraint to a system."""
    add_bias(system, restraint)

"""On-the-fly probability enhanced sampling (OPES) along an encoder's collective variables.

M. Invernizzi & M. Parrinello, J. Phys. Chem. Lett. 11, 2731 (2020), doi:10.1021/acs.jpclett.0c00497.

It is written here, because the package openmm-opes (0.2.0) works through a CustomCVForce and tables on a grid: limits for
every collective variable, all of them circular or none, no more than three, and twice the time a step. Here the kernels are
summed where the simulation is, in compiled code, for any number and mixture of collective variables.
"""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from . import density, kernel
from .bias import Bias
from .checks import LEAST_BARRIER
from .encoder import Encoder
from .periodic import Molecules
from .units import thermal_energy


@dataclass(frozen=True)
class OpesSettings:
    """How a bias is built.

    Attributes:
        barrier: ΔE [kJ/mol], the highest barrier that the bias is to overcome, more than RT.
        width: The width of a kernel [CV unit], which is rad for circular CVs.
        n_kernels: How many recorded frames deposit a kernel; afterwards the bias is static.
    """

    barrier: float
    width: float
    n_kernels: int

    @staticmethod
    def from_config(opes: dict) -> "OpesSettings":
        """Read the ``production.opes`` section of a configuration."""
        return OpesSettings(
            barrier=opes["barrier_kJ_per_mol"],
            width=opes["width"],
            n_kernels=round(opes["build_ps"] / opes["pace_ps"]),
        )

    def weakened(self, n_failures: int, temperature: float) -> "OpesSettings":
        """Return settings with half the barrier for each failure, at a temperature [K]."""
        least = LEAST_BARRIER * thermal_energy(temperature)
        return replace(self, barrier=max(self.barrier / 2**n_failures, min(least, self.barrier)))


class OpesPotential:
    """V(ξ) = (1 − 1/γ) RT ln[P(ξ)/Z + ε], with the estimate P of the unbiased probability that it is built from.

    With γ = ΔE/RT and ε = exp(−ΔE / (1 − 1/γ) RT) the bias is between −ΔE, where nothing has been, and about 0. A kernel
    weighs exp(V/RT), with the bias at the time of its deposition. Z is the mean of P over the kernels' centres, which stands
    for that over the region visited. Kernels keep the width that they are given, but for merging.

    The potential is a function of the collective variables that were deposited, in their order, and of nothing else: whoever
    has these has the bias, to the last bit.

    Attributes:
        settings: How it is built.
        n_deposited: How many kernels were deposited, before merging.
        n_kernels: How many there are after it.
    """

    def __init__(self, settings: OpesSettings, periods: np.ndarray, temperature: float):
        self.settings = settings
        self.n_deposited = self.n_kernels = 0
        self._thermal_energy = thermal_energy(temperature)
        self._prefactor = self._thermal_energy - self._thermal_energy**2 / settings.barrier
        self._epsilon = math.exp(-settings.barrier / self._prefactor)
        self._cutoff_squared = 2 * settings.barrier / self._prefactor
        self._periods = np.where(np.isfinite(periods), periods, 0.0)
        self._widths = np.full(len(periods), float(settings.width))
        self._kernels = np.zeros((2 * len(periods) + 1, settings.n_kernels + 1))
        self._sum_of_pairs = 0.0
        self._normalisation = 0.0  # of a sum of kernels to P/Z, where the sum of their weights cancels

    @property
    def is_static(self) -> bool:
        """Whether all kernels have been deposited."""
        return self.n_deposited >= self.settings.n_kernels

    def deposit(self, cvs: np.ndarray) -> None:
        """Add a kernel at a point with ``shape=(n_cvs,)``, unless the bias is static."""
        if self.is_static:
            return
        height = math.exp(self.evaluate(cvs, np.empty(len(cvs))) / self._thermal_energy)
        self.n_kernels, change = density.add_kernel(
            self._kernels, self.n_kernels, self._periods, self._cutoff_squared, cvs, self._widths, height
        )
        self.n_deposited += 1
        self._sum_of_pairs += change
        self._normalisation = self.n_kernels / self._sum_of_pairs

    def evaluate(self, cvs: np.ndarray, slopes: np.ndarray) -> float:
        """Return V [kJ/mol] at a point with ``shape=(n_cvs,)``, and fill its slopes [kJ/mol per CV unit]."""
        total = density.sum_kernels(self._kernels, self.n_kernels, self._periods, self._cutoff_squared, cvs, slopes)
        probability = self._normalisation * total + self._epsilon
        slopes *= self._prefactor * self._normalisation / probability
        return self._prefactor * math.log(probability)

    def energies(self, cvs: np.ndarray) -> np.ndarray:
        """Return V [kJ/mol] at points with ``shape=(n_points, n_cvs)``."""
        points = np.ascontiguousarray(cvs, dtype=float)
        totals = density.sum_kernels_at(self._kernels, self.n_kernels, self._periods, self._cutoff_squared, points)
        return self._prefactor * np.log(self._normalisation * totals + self._epsilon)


class OpesBias(Bias):
    """The force of an ``OpesPotential`` that learns from the frames of its own simulation, until it is static.

    Attributes:
        potential: The potential.
    """

    def __init__(
        self, encoder: Encoder, settings: OpesSettings, temperature: float, molecules: Molecules | None = None
    ):
        super().__init__(encoder, molecules)
        self.potential = OpesPotential(settings, encoder.periods, temperature)
        self._slopes = np.empty(encoder.n_cvs)

    @property
    def definition(self) -> dict[str, float]:
        return asdict(self.potential.settings)

    @property
    def strength(self) -> dict[str, float]:
        return {"barrier_kJ_per_mol": self.potential.settings.barrier}

    def learn(self, cvs: np.ndarray) -> None:
        self.potential.deposit(cvs)

    def _apply(self, positions: np.ndarray) -> float:
        cvs = kernel.evaluate_frames(*self._network, positions[None])[0]
        energy = self.potential.evaluate(cvs, self._slopes)
        kernel.push(*self._network, positions, self._slopes, self._forces)
        return energy

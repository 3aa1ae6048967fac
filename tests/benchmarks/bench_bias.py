"""The cost of a biased step over an unbiased one, for alanine dipeptide on the Reference platform, in one process.

Run ``make bench``; variants take turns, and the table gives the median of each and its ratio to the unbiased step.
"""

import statistics
import time
from pathlib import Path

import numpy as np
import openmm

from mesaflow.alignment import center
from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.encoder import Encoder
from mesaflow.simulation import Dynamics, create_context
from mesaflow.systems import build_system, load_positions, load_structure, minimise

STRUCTURE = Path(__file__).parents[2] / "config" / "structures" / "alanine_dipeptide.pdb"
BACKBONE = np.array([0, 4, 6, 8, 10, 16, 18])
N_STEPS, N_TURNS, N_KERNEL_CALLS = 10_000, 15, 20_000


def random_encoder(reference: np.ndarray, superposes: bool) -> Encoder:
    """Return a 21-40-2 network with random weights."""
    rng = np.random.default_rng(0)
    sizes = [3 * len(BACKBONE), 40, 2]
    weights = [rng.normal(size=(n_out, n_in)) / np.sqrt(n_in) for n_in, n_out in zip(sizes, sizes[1:], strict=False)]
    biases = [np.zeros(n_out) for n_out in sizes[1:]]
    return Encoder(
        BACKBONE, 0.5, reference[None], superposes, tuple(weights), tuple(biases), "tanh", ("linear", "linear")
    )


class DoNothing:
    """The least that a PythonForce can do."""

    def __call__(self, state):
        return 0.0, self.forces

    forces = np.zeros((len(BACKBONE), 3))


def variants() -> dict[str, openmm.Context]:
    """Return a context of each variant."""
    system = build_system(load_structure(STRUCTURE), ["amber99sb.xml"], "vacuum", "h_bonds")
    positions = minimise(system, load_positions(STRUCTURE))
    reference = center(positions[BACKBONE])
    dynamics = Dynamics(300.0, 1.0, 0.002, "Reference")
    contexts = {}
    for name in ("unbiased", "PythonForce that does nothing", "restraint, superposed", "restraint, centred only"):
        biased = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
        if name.startswith("restraint"):
            encoder = random_encoder(reference, superposes="superposed" in name)
            start = encoder.evaluate(positions[None, BACKBONE])[0]
            add_restraint(biased, HarmonicRestraint(encoder, start, 20.0))
        elif name != "unbiased":
            force = openmm.PythonForce(DoNothing())
            force.setParticles([int(atom) for atom in BACKBONE])
            biased.addForce(force)
        contexts[name] = create_context(biased, dynamics, random_seed=1)
        contexts[name].setPositions(positions)
        contexts[name].getIntegrator().step(N_STEPS // 10)
    return contexts


def time_kernel() -> float:
    """Return the time [µs] of one call of the restraint outside OpenMM."""
    positions = load_positions(STRUCTURE)[BACKBONE]
    restraint = HarmonicRestraint(random_encoder(center(positions), True), np.zeros(2), 20.0)
    restraint.evaluate(positions)
    start = time.perf_counter()
    for _ in range(N_KERNEL_CALLS):
        restraint._restrain(positions)
    return (time.perf_counter() - start) / N_KERNEL_CALLS * 1e6


def main() -> None:
    contexts = variants()
    timings = {name: [] for name in contexts}
    for _ in range(N_TURNS):
        for name, context in contexts.items():
            start = time.perf_counter()
            context.getIntegrator().step(N_STEPS)
            timings[name].append((time.perf_counter() - start) / N_STEPS * 1e6)
    unbiased = statistics.median(timings["unbiased"])
    print(f"{'variant':32s} {'µs/step':>8s} {'ratio':>6s}")
    for name, values in timings.items():
        median = statistics.median(values)
        print(f"{name:32s} {median:8.1f} {median / unbiased:6.2f}")
    print(f"{'kernel alone, superposed':32s} {time_kernel():8.1f}")


if __name__ == "__main__":
    main()

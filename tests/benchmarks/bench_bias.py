"""The cost of a biased step over an unbiased one, for alanine dipeptide on the Reference platform, in one process.

Run ``make bench``; variants take turns, and the table gives the median time of a step of each, its ratio to the unbiased
step and what it takes beyond a PythonForce that does nothing. Times are those of the processor for this process, which
other load on the machine disturbs least.
"""

import os
import statistics
import time
from pathlib import Path

import numpy as np
import openmm
import torch

from mesaflow.alignment import center
from mesaflow.autoencoder import featurise
from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.encoder import Encoder
from mesaflow.features import Features
from mesaflow.simulation import Dynamics, create_context
from mesaflow.systems import build_system, load_positions, load_structure, minimise

STRUCTURE = Path(__file__).parents[2] / "config" / "structures" / "alanine_dipeptide.pdb"
BACKBONE = np.array([0, 4, 6, 8, 10, 16, 18])
N_STEPS, N_TURNS, N_KERNEL_CALLS = 1_000, 60, 20_000
N_SLOW_STEPS = 100
"""Steps in a turn of torch's autograd, an order of magnitude slower."""

FORCE_CONSTANT = 20.0  # kJ/mol per squared CV unit
DIHEDRALS = Features(False, np.array([[0, 1, 2, 3], [2, 3, 4, 5], [1, 2, 3, 4], [3, 4, 5, 6]]))


def random_encoder(
    reference: np.ndarray,
    superposes: bool,
    cv_kinds: tuple[str, ...] = ("linear", "linear"),
    features: Features | None = None,
) -> Encoder:
    """Return a network with random weights and one hidden layer of 40: 21-40-2 by default."""
    rng = np.random.default_rng(0)
    features = features or Features()
    sizes = [features.n_inputs(len(BACKBONE)), 40, 2 + 2 * ("circular" in cv_kinds)]
    weights = [rng.normal(size=(n_out, n_in)) / np.sqrt(n_in) for n_in, n_out in zip(sizes, sizes[1:], strict=False)]
    # Off zero, near which the angle of a pair of nodes is steep: random forces would tear the molecule apart.
    biases = [np.zeros(40), np.full(sizes[-1], 2.0)]
    return Encoder(
        BACKBONE, 0.5, reference[None], superposes, tuple(weights), tuple(biases), "tanh", cv_kinds, features
    )


class DoNothing:
    """The least that a PythonForce can do."""

    forces = np.zeros((len(BACKBONE), 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        return 0.0, self.forces


class AutogradRestraint:
    """The same restraint through torch's autograd, superposed by a singular value decomposition."""

    def __init__(self, encoder: Encoder, restraint_center: np.ndarray):
        self.encoder = encoder
        self.reference = torch.tensor(encoder.references[0])
        self.center = torch.tensor(restraint_center)
        self.layers = [(torch.tensor(w), torch.tensor(b)) for w, b in zip(encoder.weights, encoder.biases, strict=True)]
        self.buffer = np.empty((len(BACKBONE), 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        state._getVectorAsNumpy(openmm.State.Positions, self.buffer)
        return self.evaluate(self.buffer)

    def evaluate(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the energy [kJ/mol] and the forces [kJ/mol/nm]."""
        leaf = torch.tensor(positions, requires_grad=True)
        placed = leaf - leaf.mean(dim=0)
        u, _, vt = torch.linalg.svd(placed.T @ self.reference)
        signs = torch.ones(3, dtype=torch.float64)
        signs[2] = torch.sign(torch.linalg.det(u.detach()) * torch.linalg.det(vt.detach()))
        nodes = featurise((placed @ (u * signs) @ vt)[None], self.encoder.features, self.encoder.scale)[0]
        (first_weight, first_bias), (last_weight, last_bias) = self.layers
        cvs = last_weight @ torch.tanh(first_weight @ nodes + first_bias) + last_bias
        energy = 0.5 * FORCE_CONSTANT * ((cvs - self.center) ** 2).sum()
        energy.backward()
        return energy.item(), -leaf.grad.numpy()


def python_force(computation: DoNothing | AutogradRestraint) -> openmm.PythonForce:
    """Return a force on the backbone."""
    force = openmm.PythonForce(computation)
    force.setParticles([int(atom) for atom in BACKBONE])
    return force


def variants() -> dict[str, openmm.Context]:
    """Return a context of each variant."""
    system = build_system(load_structure(STRUCTURE), ["amber99sb.xml"], "vacuum", "h_bonds")
    positions = minimise(system, load_positions(STRUCTURE))
    reference = center(positions[BACKBONE])
    encoders = {
        "restraint, superposed": random_encoder(reference, True),
        "restraint, centred only": random_encoder(reference, False),
        "restraint, dihedrals, circular": random_encoder(reference, False, ("circular", "circular"), DIHEDRALS),
        "torch autograd, superposed": random_encoder(reference, True),
    }
    contexts = {}
    for name in ("unbiased", "PythonForce that does nothing", *encoders):
        biased = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
        if name in encoders:
            encoder = encoders[name]
            start = encoder.evaluate(positions[None, BACKBONE])[0]
            restraint = HarmonicRestraint(encoder, start, FORCE_CONSTANT)
            if name.startswith("torch"):
                autograd = AutogradRestraint(encoder, start)
                moved = positions[BACKBONE] + np.random.default_rng(0).normal(scale=0.02, size=reference.shape)
                np.testing.assert_allclose(
                    autograd.evaluate(moved)[1], restraint.evaluate(moved)[1], rtol=1e-7, atol=1e-8
                )
                biased.addForce(python_force(autograd))
            else:
                add_restraint(biased, restraint)
        elif name != "unbiased":
            biased.addForce(python_force(DoNothing()))
        contexts[name] = create_context(biased, Dynamics(300.0, 1.0, 0.002, "Reference"), random_seed=1)
        contexts[name].setPositions(positions)
        contexts[name].getIntegrator().step(N_SLOW_STEPS)
    return contexts


def time_kernel() -> float:
    """Return the time [µs] of one call of the kernel outside OpenMM, superposed."""
    positions = load_positions(STRUCTURE)[BACKBONE]
    restraint = HarmonicRestraint(random_encoder(center(positions), True), np.zeros(2), FORCE_CONSTANT)
    restraint.evaluate(positions)
    start = time.process_time()
    for _ in range(N_KERNEL_CALLS):
        restraint._restrain(positions)
    return (time.process_time() - start) / N_KERNEL_CALLS * 1e6


def main() -> None:
    torch.set_num_threads(1)
    load_before = os.getloadavg()[0]
    contexts = variants()
    timings: dict[str, list[float]] = {name: [] for name in contexts}
    kernel_timings = []
    for turn in range(N_TURNS):
        for name, context in contexts.items():
            n_steps = N_SLOW_STEPS if name.startswith("torch") else N_STEPS
            start = time.process_time()
            context.getIntegrator().step(n_steps)
            timings[name].append((time.process_time() - start) / n_steps * 1e6)
        if turn % 10 == 0:
            kernel_timings.append(time_kernel())
    medians = {name: statistics.median(values) for name, values in timings.items()}
    least = medians["PythonForce that does nothing"]
    print(f"load of the machine: {load_before:.1f} before, {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores")
    print(f"{'variant':32s} {'µs/step':>8s} {'ratio':>6s} {'beyond PythonForce, µs':>23s}")
    for name, median in medians.items():
        beyond = f"{median - least:23.1f}" if "," in name else ""
        print(f"{name:32s} {median:8.1f} {median / medians['unbiased']:6.2f} {beyond}".rstrip())
    print(f"{'kernel alone, superposed':32s} {statistics.median(kernel_timings):8.1f}")


if __name__ == "__main__":
    main()

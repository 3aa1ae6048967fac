"""The cost of a biased step over an unbiased one for Trp-cage in implicit solvent on the CPU platform, in one context.

Run ``make bench``; the system is that of ``config/examples/trp_cage.yaml``, the network its 180-50-2 with random weights.
The forces take turns in one context, by force groups: two contexts of the same system differ by some per cent, by where their
arrays lie. A ratio is the median of those of single turns, once by the clock, and once by the processors' time for this process,
all threads together, which other processes disturb less.
"""

import os
import time
from pathlib import Path

import numpy as np
import openmm
import yaml

from mesaflow.alignment import center
from mesaflow.bias import HarmonicRestraint
from mesaflow.encoder import Encoder
from mesaflow.settings import load_schema, resolve_config
from mesaflow.simulation import Dynamics, create_context
from mesaflow.systems import describe, minimise, prepare
from mesaflow.trajectories import select_atoms

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "trp_cage.yaml"
N_STEPS, N_TURNS = 40, 120
FORCE_CONSTANT = 20.0  # kJ/mol per squared CV unit


class DoNothing:
    """The least that a PythonForce can do."""

    def __init__(self, n_atoms: int):
        self.forces = np.zeros((n_atoms, 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        return 0.0, self.forces


def make_context(n_threads: int) -> tuple[openmm.Context, dict[str, set[int]], int]:
    """Return a context, the force groups of each variant, and the number of atoms."""
    config = yaml.safe_load(EXAMPLE.read_text())
    schema = load_schema()["properties"]
    structure, system = prepare(resolve_config(config["system"], schema["system"]))
    training = resolve_config(config["training"], schema["training"])
    atoms = select_atoms(describe(structure), training["atoms"], "training.atoms")
    positions = minimise(system, structure.coordinates)
    sizes = [3 * len(atoms), *training["hidden_layers"], training["n_cvs"]]
    rng = np.random.default_rng(0)
    encoder = Encoder(
        atoms,
        training["scale_nm"],
        center(positions[atoms])[None],
        True,
        tuple(rng.normal(size=(n, m)) / np.sqrt(m) for m, n in zip(sizes, sizes[1:], strict=False)),
        tuple(np.zeros(n) for n in sizes[1:]),
        training["activation"],
        (training["cv_layer"],) * training["n_cvs"],
    )
    own = {force.getForceGroup() for force in system.getForces()}
    variants = {
        "PythonForce that does nothing": DoNothing(len(atoms)),
        "restraint": HarmonicRestraint(encoder, encoder.evaluate(positions[None, atoms])[0], FORCE_CONSTANT),
    }
    groups = {"unbiased": own}
    for group, (name, function) in enumerate(variants.items(), max(own) + 1):
        force = openmm.PythonForce(function)
        force.setParticles([int(atom) for atom in atoms])
        force.setForceGroup(group)
        system.addForce(force)
        groups[name] = {*own, group}
    context = create_context(system, Dynamics(300.0, 1.0, 0.002, "CPU", n_threads), random_seed=1)
    context.setPositions(positions)
    return context, groups, len(positions)


def now() -> np.ndarray:
    """Return the time [s] by the clock, and by the processors for this process."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    for n_threads in (1, os.cpu_count()):
        context, groups, n_atoms = make_context(n_threads)
        integrator = context.getIntegrator()
        integrator.step(N_STEPS)
        timings: dict[str, list[np.ndarray]] = {name: [] for name in groups}
        for _ in range(N_TURNS):
            for name, included in groups.items():
                integrator.setIntegrationForceGroups(included)
                integrator.step(1)  # forces of the turn before count no more
                start = now()
                integrator.step(N_STEPS)
                timings[name].append((now() - start) / N_STEPS * 1e6)
        print(f"Trp-cage, {n_atoms} atoms, CPU platform, threads: {n_threads}")
        print(f"{'variant':32s} {'clock, µs/step':>16s} {'ratio':>6s} {'processors, µs/step':>22s} {'ratio':>6s}")
        for name, values in timings.items():
            clock, processors = np.median(values, axis=0)
            ratios = np.median(np.array(values) / timings["unbiased"], axis=0)
            print(f"{name:32s} {clock:16.1f} {ratios[0]:6.3f} {processors:22.1f} {ratios[1]:6.3f}")


if __name__ == "__main__":
    main()

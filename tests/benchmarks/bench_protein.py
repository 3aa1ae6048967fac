"""The cost of a biased step over an unbiased one for Trp-cage in implicit solvent on the CPU platform, in one process.

Run ``make bench``; the system is that of ``config/examples/trp_cage.yaml``, the network its 180-50-2 with random weights,
and the contexts take turns; a ratio is the median of those of single turns. Times are those of the processor for this process, all threads together.
"""

import os
import statistics
import time
from pathlib import Path

import numpy as np
import openmm
import yaml

from mesaflow.alignment import center
from mesaflow.bias import HarmonicRestraint, add_restraint
from mesaflow.encoder import Encoder
from mesaflow.settings import load_schema, resolve_config
from mesaflow.simulation import Dynamics, create_context
from mesaflow.systems import describe, minimise, prepare
from mesaflow.trajectories import select_atoms

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "trp_cage.yaml"
N_STEPS, N_TURNS = 50, 40
FORCE_CONSTANT = 20.0  # kJ/mol per squared CV unit


class DoNothing:
    """The least that a PythonForce can do."""

    def __init__(self, n_atoms: int):
        self.forces = np.zeros((n_atoms, 3))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        return 0.0, self.forces


def make_contexts(n_threads: int) -> tuple[dict[str, openmm.Context], int]:
    """Return a context of each variant, and the number of atoms."""
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
    biased = openmm.XmlSerializer.clone(system)
    add_restraint(biased, HarmonicRestraint(encoder, encoder.evaluate(positions[None, atoms])[0], FORCE_CONSTANT))
    idle = openmm.XmlSerializer.clone(system)
    force = openmm.PythonForce(DoNothing(len(atoms)))
    force.setParticles([int(atom) for atom in atoms])
    idle.addForce(force)
    dynamics = Dynamics(300.0, 1.0, 0.002, "CPU", n_threads)
    contexts = {}
    for name, one in (("unbiased", system), ("PythonForce that does nothing", idle), ("restraint", biased)):
        contexts[name] = create_context(one, dynamics, random_seed=1)
        contexts[name].setPositions(positions)
        contexts[name].getIntegrator().step(N_STEPS)
    return contexts, len(positions)


def main() -> None:
    for n_threads in (1, os.cpu_count()):
        contexts, n_atoms = make_contexts(n_threads)
        timings: dict[str, list[float]] = {name: [] for name in contexts}
        for _ in range(N_TURNS):
            for name, context in contexts.items():
                start = time.process_time()
                context.getIntegrator().step(N_STEPS)
                timings[name].append((time.process_time() - start) / N_STEPS * 1e6)
        print(f"Trp-cage, {n_atoms} atoms, CPU platform, threads: {n_threads}")
        print(f"{'variant':32s} {'µs/step':>8s} {'ratio':>6s}")
        for name, values in timings.items():
            ratios = [value / unbiased for value, unbiased in zip(values, timings["unbiased"], strict=True)]
            print(f"{name:32s} {statistics.median(values):8.1f} {statistics.median(ratios):6.3f}")


if __name__ == "__main__":
    main()

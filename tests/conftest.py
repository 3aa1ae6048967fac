"""Small systems, encoders and configurations that several tests share."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm
import pytest
import yaml
from hypothesis import settings

from mesaflow.encoder import Encoder, n_output_nodes
from mesaflow.features import Features
from mesaflow.settings import load_schema

settings.register_profile("mesaflow", max_examples=30, deadline=None, derandomize=True, database=None)
settings.load_profile("mesaflow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how thoroughly to test what takes long; the defaults are for every day."""
    group = parser.getgroup("mesaflow")
    group.addoption(
        "--whole",
        action="store_true",
        help="kill, and run on Slurm, whole runs instead of their second half; sweep and validate with a second run",
    )
    group.addoption("--kills", type=int, default=1, help="how often to kill a run (1)")
    group.addoption("--kill-seed", type=int, default=1, help="decides when (1)")


REPOSITORY = Path(__file__).parents[1]
ARGON_MASS, ARGON_SIGMA, ARGON_EPSILON = 39.948, 0.34, 0.996  # amu, nm, kJ/mol


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def in_repository(monkeypatch) -> None:
    """Run the test in the folder that the paths of config/config.yaml are relative to."""
    monkeypatch.chdir(REPOSITORY)


@pytest.fixture(scope="session")
def schema() -> dict:
    return load_schema(REPOSITORY / "workflow" / "schemas" / "config.schema.yaml")


@pytest.fixture
def config() -> dict:
    """The shipped configuration, as the user writes it."""
    return copy.deepcopy(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()))


@pytest.fixture(scope="session")
def alanine_pdb() -> Path:
    return REPOSITORY / "config" / "structures" / "alanine_dipeptide.pdb"


@pytest.fixture(scope="session")
def random_encoder() -> Callable[..., Encoder]:
    """Make an encoder with random weights for a random reference of about the size of a small peptide."""

    def make(
        seed: int = 0,
        n_atoms: int = 5,
        hidden_layers: tuple[int, ...] = (8,),
        cv_kinds: tuple[str, ...] = ("linear", "linear"),
        activation: str = "tanh",
        superposes: bool = True,
        atoms: np.ndarray | None = None,
        reference: np.ndarray | None = None,
        features: Features | None = None,
    ) -> Encoder:
        rng = np.random.default_rng(seed)
        if reference is None:
            reference = rng.normal(scale=0.2, size=(n_atoms, 3))
        features = features or Features()
        sizes = [features.n_inputs(len(reference)), *hidden_layers, n_output_nodes(cv_kinds)]
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        return Encoder(
            atoms=np.arange(len(reference)) if atoms is None else np.asarray(atoms),
            scale=0.5,
            references=(reference - reference.mean(axis=0))[None],
            superposes=superposes,
            weights=tuple(rng.normal(scale=1.5 / np.sqrt(n_in), size=(n_out, n_in)) for n_in, n_out in pairs),
            biases=tuple(rng.normal(scale=0.3, size=n_out) for _, n_out in pairs),
            activation=activation,
            cv_kinds=cv_kinds,
            features=features,
        )

    return make


@pytest.fixture(scope="session")
def tetrahedron() -> np.ndarray:
    """Four argon atoms near the minimum of their energy, slightly distorted [nm]."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * ARGON_SIGMA * 2 ** (1 / 6) / np.sqrt(8)
    return corners + np.array([[0.01, 0, 0], [0, 0.02, 0], [0, 0, -0.01], [0, 0, 0]])


@pytest.fixture(scope="session")
def argon() -> openmm.System:
    """Four argon atoms."""
    system = openmm.System()
    nonbonded = openmm.NonbondedForce()
    for _ in range(4):
        system.addParticle(ARGON_MASS)
        nonbonded.addParticle(0, ARGON_SIGMA, ARGON_EPSILON)
    system.addForce(nonbonded)
    return system


@pytest.fixture(scope="session")
def argon_encoder(random_encoder, tetrahedron) -> Encoder:
    return random_encoder(seed=3, reference=tetrahedron)

"""The verdict against a case whose answer is known to be wrong although its windows overlap well."""

import mdtraj
import numpy as np
import pandas as pd
import pytest
from openmm import app

from mesaflow.alignment import center, superpose
from mesaflow.bias import HarmonicRestraint
from mesaflow.diagnostics import LEAST_OVERLAP, judge
from mesaflow.encoder import Encoder
from mesaflow.estimation import estimate_free_energies
from mesaflow.features import Features
from mesaflow.internal_coordinates import find_dihedrals_within
from mesaflow.observables import measure
from mesaflow.pooling import pool_samples
from mesaflow.randomness import derive_seed
from mesaflow.restart import Restart
from mesaflow.simulation import Dynamics, Schedule, simulate
from mesaflow.systems import build_system, minimise
from mesaflow.trajectories import select_atoms

N_WINDOWS, FORCE_CONSTANT = 36, 80.0  # kJ/mol/rad²: less than the curvature of the barriers
LENGTH_PS, RAMP_PS, SAVE_PS = 60.0, 5.0, 0.2
PUBLISHED = 9.04  # kJ/mol, F(φ > 0) − F(φ < 0), github.com/invemichele/masterclass-22-03
SETTINGS = {
    "states": {"C7eq": {"phi": [-180, 0]}, "C7ax": {"phi": [0, 180]}},
    "reference_state": "C7eq",
    "n_bootstrap": 40,
}


@pytest.fixture(scope="module")
def structure(alanine_pdb) -> app.PDBFile:
    return app.PDBFile(str(alanine_pdb))


@pytest.fixture(scope="module")
def encoder(structure) -> Encoder:
    """φ itself as the only collective variable."""
    topology = mdtraj.Topology.from_openmm(structure.topology)
    atoms = select_atoms(topology, "name CH3 C N CA", "training.atoms")
    positions = structure.getPositions(asNumpy=True)._value[atoms]
    phi = Features(False, find_dihedrals_within(topology, atoms, ["phi"], "training.dihedrals"))
    reference = center(np.asarray(positions, dtype=float))
    return Encoder(atoms, 0.5, reference[None], False, (np.eye(2),), (np.zeros(2),), "tanh", ("circular",), phi)


@pytest.fixture(scope="module")
def windows(structure, encoder, tmp_path_factory) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Centres, positions of all frames, and samples; each window starts where its neighbour ended."""
    system = build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds")
    start = minimise(system, structure.getPositions(asNumpy=True)._value)
    dynamics = Dynamics(300.0, 1.0, 0.002, "Reference")
    steps = dynamics.steps(SAVE_PS)
    schedule = Schedule(round(LENGTH_PS / SAVE_PS), steps, 10**6, dynamics.steps(RAMP_PS))
    centers = -np.pi + (np.arange(N_WINDOWS) + 0.5) * 2 * np.pi / N_WINDOWS
    first = int(np.abs(encoder.displacement(centers[:, None], encoder.evaluate(start[None, encoder.atoms]))).argmin())
    half = N_WINDOWS // 2
    ways = [range(first, first + half), range(first - 1, first - half - 1, -1)]
    trajectories = {}
    for way in ways:
        positions = start
        for window in (number % N_WINDOWS for number in way):
            restraint = HarmonicRestraint(encoder, centers[[window]], FORCE_CONSTANT)
            seed = derive_seed(1, "verdict", window)
            restart = Restart(tmp_path_factory.mktemp("restart"))
            trajectories[window] = simulate(system, positions, dynamics, schedule, seed, restart, restraint)
            positions = trajectories[window]["positions"][-1].astype(float)
    times = np.arange(1, schedule.n_frames + 1) * SAVE_PS
    samples = pd.concat(
        [pd.DataFrame({"window": k, "time_ps": times, "cv_1": trajectories[k]["cvs"][:, 0]}) for k in range(N_WINDOWS)],
        ignore_index=True,
    )
    return centers, np.concatenate([trajectories[k]["positions"] for k in range(N_WINDOWS)]), samples


def test_soft_windows_along_phi_overlap_well_are_wrong_and_are_not_trusted(structure, encoder, windows):
    centers, positions, samples = windows
    rows = [{"window": k, "center_1": center} for k, center in enumerate(centers)]
    statuses = [{"window": k, "outcome": "finished", "force_constant": FORCE_CONSTANT} for k in range(N_WINDOWS)]
    start = np.asarray(structure.getPositions(asNumpy=True)._value)
    prepared = mdtraj.Trajectory(start, mdtraj.Topology.from_openmm(structure.topology))
    atoms = ["resname ACE and name C", "resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]
    observables = pd.DataFrame(measure(prepared, positions, {"phi": {"dihedral": atoms, "bin_width_deg": 10}}))
    coordinates = superpose(positions[:, encoder.atoms], encoder.references[0]).reshape(len(positions), -1)
    pool = pool_samples(rows, statuses, samples, encoder, RAMP_PS)
    estimate = estimate_free_energies(pool, observables, coordinates, encoder, SETTINGS, 300.0, RAMP_PS, random_seed=1)
    free_energy, error = estimate.states["C7ax"]
    assert estimate.diagnostics["smallest_best_overlap"] > 3 * LEAST_OVERLAP  # no sign of trouble
    assert abs(free_energy - PUBLISHED) > 2 * error  # nor do error bars show it
    verdict, reasons = judge(
        estimate.diagnostics | {"n_windows": 36, "n_failed_windows": 0, "lowest_energy_left_out_RT": None}
    )
    assert verdict == "not yet"
    assert any("barriers steeper than their restraint" in reason for reason in reasons), reasons

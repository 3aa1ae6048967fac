"""Peptides in implicit solvent and in water through the real workflow, up to the windows of the first round."""

import json

import mdtraj
import numpy as np
import pandas as pd
import pytest

from mesaflow.simulation import load_system
from mesaflow.solvent import box_of

SHORT = {"length_ps": 0.4, "save_interval_ps": 0.02, "n_replicas": 1}
IN_WATER = {
    "solvent": "tip3p",
    "box": {"shape": "cube", "padding_nm": 0.66, "cutoff_nm": 0.9, "ionic_strength_M": 0.3},
    "equilibration": {"nvt_ps": 0.2, "npt_ps": 0.4, "settle_ps": 0.05},
}
WINDOWS = {"n_rounds": 1, "n_windows": 2, "length_ps": 0.2, "save_interval_ps": 0.02, "ramp_ps": 0.04}
GENTLE = {"energy_budget_kJ_per_mol": 10}
"""CVs of so few frames have steep gradients: with more, a restraint can explode by itself, and hide whether solvent does."""


@pytest.fixture(scope="module")
def in_water(empty_project):
    """Alanine dipeptide in a box 2.2 nm wide."""
    project = empty_project("water")
    sections = {
        "dynamics": {"platform": "CPU"},
        "system": IN_WATER,
        "seeding": SHORT,
        "exploration": WINDOWS | GENTLE,
    }
    project.snakemake("results/small/round-1/batch-0/status.json", **sections)
    return project, sections


def test_frames_hold_the_solute_whole_and_nothing_else(in_water):
    results = in_water[0].results
    stored = mdtraj.load(str(results / "system" / "topology.pdb"))
    assert (stored.n_atoms, stored.unitcell_lengths) == (22, None)
    bonds = np.array([[first.index, second.index] for first, second in stored.topology.bonds])
    for path in ("seed/replica-0/trajectory.dcd", "round-1/batch-0/trajectory.dcd"):
        frames = mdtraj.load(str(results / path), top=stored.topology)
        assert frames.n_frames >= 10
        lengths = mdtraj.compute_distances(frames, bonds, periodic=False)
        assert (lengths > 0.08).all()
        assert (lengths < 0.2).all()


def test_the_system_is_that_of_the_equilibrated_box(in_water):
    folder = in_water[0].results / "system"
    whole = mdtraj.load(str(folder / "solvated.pdb"))
    system = load_system(folder / "system.xml")
    assert whole.n_atoms == system.getNumParticles() > 700
    assert [atom.name for atom in whole.topology.atoms][:22] == [
        atom.name for atom in mdtraj.load(str(folder / "topology.pdb")).topology.atoms
    ]
    table = pd.read_csv(folder / "equilibration.csv")
    assert table["ensemble"].tolist() == ["NVT", "NPT"]
    assert np.linalg.det(box_of(system)) == pytest.approx(table["volume_nm3"].iloc[-1], rel=1e-4)
    np.testing.assert_allclose(whole.unitcell_lengths[0], np.diag(box_of(system)), atol=1e-3)


def test_windows_that_start_without_water_run_in_it(in_water):
    results = in_water[0].results
    statuses = json.loads((results / "round-1" / "batch-0" / "status.json").read_text())["windows"]
    assert statuses
    assert {status["outcome"] for status in statuses} == {"finished"}
    assert {status["n_attempts"] for status in statuses} == {1}


def test_nothing_runs_twice(in_water):
    project, sections = in_water
    output = project.snakemake("results/small/round-1/batch-0/status.json", "--dry-run", **sections)
    assert "Nothing to be done" in output


def test_a_sequence_in_implicit_solvent(empty_project):
    project = empty_project("sequence")
    project.snakemake(
        "results/small/seed/replica-0/trajectory.dcd",
        system={"structure": None, "sequence": "ACE ALA ALA NME", "solvent": "obc2"},
        observables={"phi": None, "psi": None},
        coverage={"phi_psi": None},
        free_energy={"surfaces": [], "states": {"C7eq": None, "C7ax": None, "C5": None}},
        figures={"published": None},
        seeding=SHORT,
    )
    topology = mdtraj.load_topology(str(project.results / "system" / "topology.pdb"))
    assert [residue.name for residue in topology.residues] == ["ACE", "ALA", "ALA", "NME"]
    assert "GBSAOBCForce" in (project.results / "system" / "system.xml").read_text()
    assert mdtraj.load(str(project.results / "seed/replica-0/trajectory.dcd"), top=topology).n_frames == 20

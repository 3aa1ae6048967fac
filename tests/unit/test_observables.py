import mdtraj
import numpy as np
import pandas as pd
import pytest

from mesaflow.errors import InputError
from mesaflow.observables import (
    bin_edges,
    bin_indices,
    describe_state,
    in_state,
    measure,
    n_bins,
    visited_bins,
)
from mesaflow.trajectories import load_topology, select_single_atoms

NAMES = ["name CH3", "resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]
KEY = "observables.phi.dihedral"
TEN_DEGREES = {"bin_width_deg": 10}


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


@pytest.fixture(scope="module")
def chain() -> mdtraj.Topology:
    """Four atoms A, B, C, D."""
    topology = mdtraj.Topology()
    residue = topology.add_residue("CHN", topology.add_chain())
    for name in "ABCD":
        topology.add_atom(name, mdtraj.element.carbon, residue)
    return topology


def chain_positions(angles: np.ndarray) -> np.ndarray:
    """Positions [nm] of the chain with the given dihedral angles [rad], by the IUPAC sign."""
    frames = np.zeros((len(angles), 4, 3))
    frames[:, 0] = [0.1, 0, 0]
    frames[:, 2] = [0, 0, 0.15]
    frames[:, 3] = np.column_stack([0.1 * np.cos(angles), 0.1 * np.sin(angles), np.full(len(angles), 0.2)])
    return frames


def test_dihedrals_by_hand(chain):
    angles = np.radians([-170, -90, -1, 0, 60, 90, 179])
    observables = {"torsion": {"dihedral": ["name A", "name B", "name C", "name D"]}}
    table = measure(chain, chain_positions(angles), observables)
    assert list(table.columns) == ["torsion"] and table["torsion"].dtype == float
    np.testing.assert_allclose(table["torsion"], angles, atol=2e-6)


def test_each_observable_has_its_own_column(chain):
    forward = {"dihedral": ["name A", "name B", "name C", "name D"]}
    other = {"dihedral": ["name A", "name C", "name B", "name D"]}
    positions = chain_positions(np.array([0.5, 1.0]))
    table = measure(chain, positions, {"other": other, "forward": forward})
    assert list(table.columns) == ["other", "forward"]
    np.testing.assert_allclose(table["forward"], [0.5, 1.0], atol=2e-6)
    np.testing.assert_allclose(table["other"], measure(chain, positions, {"o": other})["o"])


def test_without_observables_the_table_has_a_row_for_each_frame_and_no_column(chain):
    assert measure(chain, chain_positions(np.zeros(3)), {}).shape == (3, 0)


def test_dihedral_names_four_atoms(topology):
    assert select_single_atoms(topology, ["resname ACE and name C", *NAMES[1:]], KEY) == (4, 6, 8, 10)


@pytest.mark.parametrize(
    ("selections", "message"),
    [
        (
            ["name C", *NAMES[1:]],
            r"observables.phi.dihedral\[0\] is 'name C', which matches 3 atoms; select exactly one",
        ),
        ([*NAMES[:3], "name XX"], r"observables.phi.dihedral\[3\] is 'name XX', which matches no atom"),
        ([*NAMES[:3], "name =="], r"observables.phi.dihedral\[3\] is 'name =='"),
        ([*NAMES[:3], NAMES[1]], r"observables.phi.dihedral names an atom twice \(\[0, 6, 8, 6\]\)"),
    ],
)
def test_dihedral_that_is_none_is_refused(topology, selections, message):
    with pytest.raises(InputError, match=message):
        select_single_atoms(topology, selections, KEY)


def test_bins_go_around_the_circle():
    assert n_bins(TEN_DEGREES) == 36
    edges = bin_edges(TEN_DEGREES)
    assert len(edges) == 37
    np.testing.assert_allclose(np.degrees(edges[[0, 18, 36]]), [-180, 0, 180], atol=1e-12)
    np.testing.assert_allclose(np.diff(edges), np.radians(10))


@pytest.mark.parametrize(
    ("degrees", "index"),
    [(-180, 0), (-175, 0), (-165, 1), (-5, 17), (5, 18), (179.9, 35), (180, 0), (195, 1), (-185, 35)],
)
def test_bin_of_an_angle(degrees, index):
    assert bin_indices(np.radians(np.array([degrees])), TEN_DEGREES) == index


def test_middles_of_bins_lie_in_them():
    edges = bin_edges(TEN_DEGREES)
    np.testing.assert_array_equal(bin_indices((edges[:-1] + edges[1:]) / 2, TEN_DEGREES), np.arange(36))


def test_visited_bins_of_a_map():
    table = pd.DataFrame({"phi": np.radians([-175, -175, 5]), "psi": np.radians([100, 100, -100])})
    observables = {"phi": {"bin_width_deg": 90}, "psi": {"bin_width_deg": 120}}
    expected = np.zeros((4, 3), dtype=bool)
    expected[0, 2] = expected[2, 0] = True
    np.testing.assert_array_equal(visited_bins(table, ["phi", "psi"], observables), expected)
    np.testing.assert_array_equal(visited_bins(table, ["psi"], observables), [True, False, True])
    assert not visited_bins(table.iloc[:0], ["phi", "psi"], observables).any()


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({"phi": [-60, 60]}, [False, True, True, False, False]),
        ({"phi": [60, -60]}, [True, False, False, True, True]),
        ({"phi": [-60, 60], "psi": [0, 180]}, [False, False, True, False, False]),
        ({}, [True] * 5),
    ],
)
def test_frames_in_a_state(ranges, expected):
    table = pd.DataFrame({"phi": np.radians([-170, -59, 0, 61, 170]), "psi": np.radians([10, -10, 20, 30, -40])})
    np.testing.assert_array_equal(in_state(table, ranges), expected)


def test_adjacent_states_share_no_frame_and_miss_none():
    angles = np.radians(np.random.default_rng(0).uniform(-180, 180, 1000))
    table = pd.DataFrame({"phi": np.concatenate([angles, [0.0, np.pi / 2]])})
    states = [{"phi": [-180, 0]}, {"phi": [0, 90]}, {"phi": [90, -180]}]
    assert (sum(in_state(table, ranges).astype(int) for ranges in states) == 1).all()


@pytest.mark.parametrize("angle", [np.pi, float(np.float32(np.pi)), -float(np.float32(np.pi))])
def test_a_frame_at_180_degrees_is_in_a_state_that_ends_or_begins_there(angle):
    table = pd.DataFrame({"phi": [angle]})
    inside = [in_state(table, ranges)[0] for ranges in ({"phi": [-180, 0]}, {"phi": [0, 180]})]
    assert sum(inside) == 1


def test_state_in_words():
    ranges = {"phi": [-180, 0], "psi": [62.5, -40]}
    assert describe_state(ranges) == "phi from -180 to 0 deg and psi from 62.5 to -40 deg"

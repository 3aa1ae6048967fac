import mdtraj
import numpy as np
import pytest

from mesaflow.errors import InputError
from mesaflow.trajectories import load_topology, load_trajectory, save_trajectory, select_atoms


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


@pytest.fixture
def positions() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 22, 3))


@pytest.fixture
def saved(tmp_path, positions):
    save_trajectory(tmp_path / "a.dcd", positions)
    return tmp_path / "a.dcd"


def test_positions_come_back_in_nanometres(saved, topology, positions):
    loaded = load_trajectory(saved, topology)
    assert loaded.shape == (5, 22, 3)
    np.testing.assert_allclose(loaded, positions, rtol=3e-7, atol=1e-9)


def test_other_programs_can_read_the_file(saved, alanine_pdb, positions):
    loaded = mdtraj.load(str(saved), top=str(alanine_pdb))
    assert loaded.unitcell_lengths is None
    np.testing.assert_allclose(loaded.xyz, positions, rtol=3e-7, atol=1e-9)


def test_bytes_depend_on_the_positions_only(saved, tmp_path, positions):
    save_trajectory(tmp_path / "b.dcd", positions.copy())
    save_trajectory(tmp_path / "c.dcd", positions + 1e-3)
    assert (tmp_path / "b.dcd").read_bytes() == saved.read_bytes()
    assert (tmp_path / "c.dcd").read_bytes() != saved.read_bytes()


def test_one_frame_is_the_same_as_in_the_whole(saved, topology):
    whole = load_trajectory(saved, topology)
    for frame in (0, 3, 4):
        np.testing.assert_array_equal(load_trajectory(saved, topology, frame), whole[frame])


def test_frame_beyond_the_end_is_refused(saved, topology):
    with pytest.raises(InputError, match=r"a.dcd cannot be read"):
        load_trajectory(saved, topology, 5)


def test_trajectory_without_frames_comes_back(tmp_path, topology):
    save_trajectory(tmp_path / "empty.dcd", np.empty((0, 22, 3)))
    assert load_trajectory(tmp_path / "empty.dcd", topology).shape == (0, 22, 3)


def test_missing_trajectory_is_refused(tmp_path, topology):
    with pytest.raises(InputError, match="missing.dcd cannot be read with a topology of 22 atoms"):
        load_trajectory(tmp_path / "missing.dcd", topology)


def test_trajectory_of_another_topology_is_refused(tmp_path, topology):
    save_trajectory(tmp_path / "other.dcd", np.zeros((2, 7, 3)))
    with pytest.raises(InputError, match="other.dcd cannot be read"):
        load_trajectory(tmp_path / "other.dcd", topology)


@pytest.mark.parametrize("n_bytes", [0, 50, 400])
def test_damaged_trajectory_is_refused(saved, topology, n_bytes):
    saved.write_bytes(saved.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match="a.dcd cannot be read"):
        load_trajectory(saved, topology)


def test_trajectory_with_its_last_frame_cut_off_is_not_taken_for_whole(saved, topology):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(InputError, match="a.dcd cannot be read"):
        load_trajectory(saved, topology)


def test_atoms_are_selected_by_name(topology):
    np.testing.assert_array_equal(select_atoms(topology, "name CH3 C N CA", "key"), [0, 4, 6, 8, 10, 16, 18])


def test_selection_without_atoms_is_refused(topology):
    with pytest.raises(InputError, match="training.atoms is 'name XX', which matches no atom; .* C, CA, CB"):
        select_atoms(topology, "name XX", "training.atoms")


@pytest.mark.parametrize("selection", ["name ==", "", "nonsense words here"])
def test_selection_that_is_none_is_refused(topology, selection):
    with pytest.raises(InputError, match="^training.atoms is "):
        select_atoms(topology, selection, "training.atoms")

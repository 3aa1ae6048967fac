"""Imported trajectories: formats, periodic boxes, and what is refused."""

import mdtraj
import numpy as np
import pytest

from mesaflow.errors import InputError
from mesaflow.imported import FrameReader, ImportedTrajectory, check_imported, check_imported_systems
from mesaflow.trajectories import load_topology, save_trajectory

BACKBONE = "name CH3 C N CA"
N_FRAMES = 6
BOX = 2.0  # nm, wider than the molecule
PRECISION = {".gro": 1e-3, ".pdb": 1e-4, ".xtc": 1e-3, ".xyz": 1e-4}  # nm, the digits that a format stores
FORMATS = [".dcd", ".gro", ".nc", ".pdb", ".trr", ".xtc", ".xyz"]

# mdtraj advises on netCDF4, and OpenMM's and mdtraj's readers leave the closing of files to the interpreter.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


@pytest.fixture(scope="module")
def free(alanine_pdb) -> mdtraj.Trajectory:
    """Distorted copies of alanine dipeptide, without a box."""
    molecule = mdtraj.load(str(alanine_pdb))
    noise = np.random.default_rng(0).normal(scale=0.01, size=(N_FRAMES, molecule.n_atoms, 3))
    return mdtraj.Trajectory((molecule.xyz + noise).astype(np.float32), molecule.topology)


@pytest.fixture
def save(tmp_path, alanine_pdb):
    """Save a trajectory, with its own topology beside it, and name both."""

    def write(trajectory: mdtraj.Trajectory, name: str = "data.xtc", topology: str | None = None) -> dict[str, str]:
        trajectory.save(str(tmp_path / name))
        if topology is None:
            topology = str(tmp_path / "data_topology.pdb")
            trajectory[0].save(topology)
        return {"trajectory": str(tmp_path / name), "topology": topology}

    return write


def boxed(trajectory: mdtraj.Trajectory, positions: np.ndarray | None = None) -> mdtraj.Trajectory:
    lengths, angles = np.full((trajectory.n_frames, 3), BOX), np.full((trajectory.n_frames, 3), 90.0)
    xyz = trajectory.xyz if positions is None else positions
    return mdtraj.Trajectory(xyz, trajectory.topology, unitcell_lengths=lengths, unitcell_angles=angles)


def distances(positions: np.ndarray) -> np.ndarray:
    """All distances within each frame, which neither a shift nor a rotation changes."""
    return np.linalg.norm(positions[..., None, :, :] - positions[..., :, None, :], axis=-1)


@pytest.mark.parametrize("suffix", FORMATS)
def test_positions_come_back_in_nanometres_from_every_format(save, free, topology, suffix):
    data = ImportedTrajectory(**save(free, f"data{suffix}"))
    tolerance = PRECISION.get(suffix, 1e-6)
    np.testing.assert_allclose(data.load(topology), free.xyz, atol=tolerance)
    selected = topology.select(BACKBONE)
    np.testing.assert_allclose(data.load(topology, BACKBONE), free.xyz[:, selected], atol=tolerance)


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_frame_is_the_same_as_in_the_whole(save, free, topology, suffix):
    data = ImportedTrajectory(**save(free, f"data{suffix}"))
    for selection in ("all", BACKBONE):
        whole = data.load(topology, selection)
        for frame in (0, 4):
            np.testing.assert_array_equal(data.load(topology, selection, frame), whole[frame])


@pytest.mark.parametrize("suffix", [".pdb", ".gro"])
def test_a_file_may_be_its_own_topology(save, free, topology, tmp_path, suffix):
    data = ImportedTrajectory(**save(free, f"data{suffix}", str(tmp_path / f"data{suffix}")))
    np.testing.assert_allclose(data.load(topology), free.xyz, atol=PRECISION[suffix])


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != ".xyz"])  # which holds no box
def test_molecules_that_the_box_has_cut_are_made_whole(save, free, topology, suffix):
    cut = np.mod(free.xyz + np.float32(1.9), BOX)
    assert np.abs(distances(cut) - distances(free.xyz)).max() > 1
    data = ImportedTrajectory(**save(boxed(free, cut), f"data{suffix}"))
    tolerance = 4 * PRECISION.get(suffix, 1e-6)  # of both ends of a distance, in three directions
    np.testing.assert_allclose(distances(data.load(topology)), distances(free.xyz), atol=tolerance)
    selected = topology.select("name CH3")  # on either side of atoms that are not selected
    np.testing.assert_allclose(
        distances(data.load(topology, "name CH3")), distances(free.xyz[:, selected]), atol=tolerance
    )


def test_a_molecule_in_a_truncated_octahedron_is_made_whole(save, free, topology):
    data = mdtraj.Trajectory(free.xyz.copy(), free.topology)
    data.unitcell_lengths = np.full((N_FRAMES, 3), BOX)
    data.unitcell_angles = np.tile([70.528779, 109.471221, 70.528779], (N_FRAMES, 1))
    shifts = np.random.default_rng(2).integers(-1, 2, size=(N_FRAMES, free.n_atoms, 3))
    data.xyz += np.einsum("fak,fkx->fax", shifts, data.unitcell_vectors).astype(np.float32)
    loaded = ImportedTrajectory(**save(data, "data.trr")).load(topology)
    np.testing.assert_allclose(distances(loaded), distances(free.xyz), atol=3e-6)  # float32 at 4 nm


def test_the_nearest_images_of_several_molecules_are_taken(save, free, topology, tmp_path):
    offset = np.array([0.0, 0.0, 0.6], dtype=np.float32)
    pair = free.topology.join(free.topology)
    positions = np.concatenate([free.xyz, free.xyz + offset], axis=1)
    jumped = np.concatenate([free.xyz, free.xyz + offset - np.float32([0, BOX, BOX])], axis=1)
    data = ImportedTrajectory(**save(boxed(mdtraj.Trajectory(jumped, pair)), "data.trr"))
    np.testing.assert_allclose(distances(data.load(pair)), distances(positions), atol=1e-6)


def test_a_whole_molecule_in_a_box_keeps_its_shape_and_a_placeholder_is_no_box(save, free, topology):
    data = ImportedTrajectory(**save(boxed(free), "data.trr"))
    np.testing.assert_allclose(distances(data.load(topology)), distances(free.xyz), atol=1e-6)
    placeholder = boxed(free)
    placeholder.unitcell_lengths = np.full((N_FRAMES, 3), 0.1)
    data = ImportedTrajectory(**save(placeholder, "placeholder.trr"))
    np.testing.assert_array_equal(data.load(topology), free.xyz)


def test_a_box_without_bonds_is_refused(save, free, topology):
    item = save(boxed(free.atom_slice(topology.select("name CH3 CA"))), "data.trr")  # no two of them are bonded
    with pytest.raises(InputError, match="data_topology.pdb' names no bonds, by which molecules could be made whole"):
        check_imported([item], topology, "name CH3 CA")


def test_solvent_is_passed_over_where_only_training_atoms_are_read(save, free, topology):
    water = mdtraj.Topology()
    residue = water.add_residue("HOH", water.add_chain())
    oxygen, *hydrogens = (
        water.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue) for name in ("O", "H1", "H2")
    )
    for hydrogen in hydrogens:
        water.add_bond(oxygen, hydrogen)
    solvated = mdtraj.Trajectory(
        np.concatenate([np.zeros((N_FRAMES, 3, 3), np.float32), free.xyz], axis=1), water.join(free.topology)
    )
    item = save(boxed(solvated), "data.trr")
    check_imported([item], topology, BACKBONE)
    selected = topology.select(BACKBONE)
    loaded = ImportedTrajectory(**item).load(topology, BACKBONE)
    np.testing.assert_allclose(distances(loaded), distances(free.xyz[:, selected]), atol=1e-6)
    with pytest.raises(
        InputError, match=r"its topology has 25 atoms instead of the 22 in the system; strip both .*snakemake learn"
    ):
        check_imported_systems([item], topology)
    with pytest.raises(InputError, match="25 atoms instead of the 22"):
        ImportedTrajectory(**item).load(topology)


def test_a_trajectory_that_does_not_fit_its_topology_is_refused(save, free, topology, alanine_pdb):
    for suffix in FORMATS:
        item = save(free.atom_slice(range(20)), f"data{suffix}", str(alanine_pdb))
        with pytest.raises(InputError, match=rf"data{suffix}.* 22.*give the topology that it was written with"):
            check_imported([item], topology, BACKBONE)
        with pytest.raises(InputError, match="give the topology that it was written with"):
            ImportedTrajectory(**item).load(topology, BACKBONE)


def test_other_training_atoms_are_refused(save, free, topology):
    fewer = save(free.atom_slice(free.topology.select("not name CB")), "fewer.xtc")
    check_imported([fewer], topology, BACKBONE)
    with pytest.raises(
        InputError,
        match="'name CA CB' selects 1 atoms instead of the 2 in the system; give a topology of the same molecule",
    ):
        check_imported([fewer], topology, "name CA CB")
    with pytest.raises(InputError, match="matches no atom"):
        check_imported([fewer], topology, "name CB")


def test_the_first_atom_that_differs_is_named(save, free, topology):
    order = [*range(8), 9, 8, *range(10, 22)]  # HA and CA change places
    swapped = free.topology.copy()
    swapped.atom(8).name, swapped.atom(9).name = swapped.atom(9).name, swapped.atom(8).name
    item = save(mdtraj.Trajectory(free.xyz[:, order], swapped), "data.xtc")
    with pytest.raises(InputError, match="HA of ALA 2 as atom 9 instead of CA of ALA 2"):
        check_imported_systems([item], topology)


def test_frames_that_are_not_finite_are_refused_by_number(save, free, topology):
    broken = free.xyz.copy()
    broken[3:5, 8] = np.nan
    item = save(mdtraj.Trajectory(broken, free.topology), "data.trr")
    check_imported([item], topology, BACKBONE)  # its first frame is finite
    for selection in ("all", BACKBONE):
        with pytest.raises(InputError, match=r"data.trr', in which 2 of 6 frames .* frame 3 \(counted from 0\)"):
            ImportedTrajectory(**item).load(topology, selection)


def test_missing_unreadable_and_empty_files_are_refused(save, free, topology, tmp_path, alanine_pdb):
    item = save(free)
    for key in item:
        with pytest.raises(InputError, match=r"nowhere.xtc', and there is no such file; give its path"):
            check_imported([item | {key: str(tmp_path / "nowhere.xtc")}], topology, BACKBONE)
    (tmp_path / "broken.xtc").write_text("no trajectory")
    (tmp_path / "broken.pdb").write_text("no topology")
    (tmp_path / "data.csv").write_text("1,2")
    with pytest.raises(InputError, match="broken.xtc', which mdtraj cannot read"):
        check_imported([item | {"trajectory": str(tmp_path / "broken.xtc")}], topology, BACKBONE)
    with pytest.raises(InputError, match="data.csv', which mdtraj cannot read"):
        check_imported([item | {"trajectory": str(tmp_path / "data.csv")}], topology, BACKBONE)
    with pytest.raises(InputError, match="broken.pdb"):
        check_imported([item | {"topology": str(tmp_path / "broken.pdb")}], topology, BACKBONE)


def test_a_trajectory_named_twice_is_refused(save, free, topology):
    with pytest.raises(InputError, match="names .*data.xtc' twice"):
        check_imported([save(free)] * 2, topology, BACKBONE)


def test_a_frame_beyond_the_end_is_refused(save, free, topology):
    for suffix in (".xtc", ".pdb", ".nc", ".xyz"):
        with pytest.raises(InputError, match="cannot be read"):
            ImportedTrajectory(**save(free, f"data{suffix}")).load(topology, frame=99)


def test_a_reader_reads_own_and_imported_trajectories_alike(save, free, topology, tmp_path):
    item = save(free, "imported.trr")
    save_trajectory(tmp_path / "own.dcd", free.xyz)
    reader = FrameReader.from_config(topology, [item])
    for path in (item["trajectory"], str(tmp_path / "own.dcd")):
        np.testing.assert_allclose(reader.load(path), free.xyz, atol=1e-6)
        np.testing.assert_allclose(reader.load(path, frame=2), free.xyz[2], atol=1e-6)
        selected = topology.select(BACKBONE)
        np.testing.assert_allclose(reader.load(path, BACKBONE), free.xyz[:, selected], atol=1e-6)
        np.testing.assert_allclose(reader.load(path, BACKBONE, 2), free.xyz[2, selected], atol=1e-6)
    with pytest.raises(InputError, match="other.dcd cannot be read"):
        reader.load(str(tmp_path / "other.dcd"))

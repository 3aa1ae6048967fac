import mdtraj
import numpy as np
import pytest

from mesaflow.alignment import superpose
from mesaflow.errors import InputError
from mesaflow.outputs import DihedralsOutput, DistancesOutput, OutputLayout, PositionsOutput, find_outputs
from mesaflow.trajectories import load_reference


@pytest.fixture(scope="module")
def structure(alanine_pdb, atoms) -> np.ndarray:
    return mdtraj.load(str(alanine_pdb)).xyz[0, atoms].astype(float)


@pytest.fixture(scope="module")
def frames(structure) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (structure + rng.normal(scale=0.03, size=(20, *structure.shape))).astype(np.float32)


def group(kind: str = "positions", **changes) -> dict:
    defaults = {
        "atoms": None,
        "align": None,
        "reference": None,
        "atom_weights": {},
        "distances": "all",
        "dihedrals": "bonded",
        "weight": 1,
    }
    return {"kind": kind} | defaults | changes


@pytest.fixture
def find(topology, atoms, structure):
    def find_in_alanine(*groups: dict, invariance: str = "alignment"):
        training = {"outputs": list(groups), "invariance": invariance}
        return find_outputs(topology, atoms, training, lambda path, key: structure)

    return find_in_alanine


def test_all_atoms_are_the_default(find, frames, structure):
    (output,) = find(group())
    assert output.n_columns == 21
    np.testing.assert_allclose(output.target(frames), superpose(frames, structure).reshape(20, -1), atol=1e-6)


def test_a_group_is_superposed_by_its_own_atoms(find, frames, structure, topology, atoms):
    (output,) = find(group(atoms="resname ALA and name N CA C", align="name CH3 CA N"))
    target = output.target(frames).reshape(20, 3, 3)
    aligned = [i for i, atom in enumerate(atoms) if topology.atom(atom).name in ("CH3", "CA", "N")]
    expected = superpose(frames, structure, np.array(aligned))
    np.testing.assert_allclose(target, expected[:, output.atoms], atol=1e-6)
    np.testing.assert_allclose(expected[:, aligned].mean(axis=1), 0, atol=1e-7)
    everything = superpose(frames, structure)[:, output.atoms]
    assert np.abs(target - everything).max() > 1e-3


def test_superposing_by_some_atoms_is_best_for_these(frames, structure):
    """No small rotation or shift brings the aligned atoms nearer to the reference's."""
    align = np.array([0, 2, 3, 5])
    placed = superpose(frames, structure, align)[:, align]
    wanted = structure[align] - structure[align].mean(axis=0)

    def distance(moved):
        return ((moved - wanted) ** 2).sum(axis=(1, 2))

    best = distance(placed)
    for axis in np.eye(3):
        for angle in (-0.01, 0.01):
            assert (distance(placed + angle * np.cross(axis, placed)) > best).all()
            assert (distance(placed + angle * axis) > best).all()


def test_distances_are_those_of_the_frames(find, frames):
    _, output = find(group(), group("distances", distances="resname ALA and name N CA C", weight=3))
    expected = [np.linalg.norm(frames[:, i] - frames[:, j], axis=1) for i, j in output.pairs]
    np.testing.assert_allclose(output.target(frames), np.transpose(expected), atol=1e-6)
    assert output.n_columns == 3 and (output.column_weights == 3).all()


def test_atoms_weigh_what_they_are_told(find, topology, atoms):
    (output,) = find(group(atom_weights={"name CA": 4}, weight=0.5))
    is_ca = np.array([topology.atom(atom).name == "CA" for atom in atoms])
    np.testing.assert_array_equal(output.column_weights, np.repeat(np.where(is_ca, 2, 0.5), 3))


def test_a_layout_puts_groups_side_by_side_in_units_of_their_scales(find, frames):
    groups = find(group(), group("distances"), group(atoms="name CA N C", weight=2))
    layout = OutputLayout(groups, scale=0.5, distance_scale=0.2)
    targets = layout.targets(frames)
    parts = [groups[0].target(frames) / 0.5, groups[1].target(frames) / 0.2, groups[2].target(frames) / 0.5]
    np.testing.assert_allclose(targets, np.concatenate(parts, axis=1), rtol=1e-6)
    assert targets.dtype == np.float32
    assert layout.weights.mean() == pytest.approx(1)
    assert layout.weights[-1] == pytest.approx(2 * layout.weights[0])
    assert [columns for columns, _ in layout.positions()] == [slice(0, 21), slice(42, 42 + groups[2].n_columns)]


def test_dihedrals_come_as_cosine_and_sine_of_any_pose(find, frames, topology, atoms):
    (output,) = find(group("dihedrals"))
    quadruples = [["CH3", "C", "N", "CA"], ["C", "N", "CA", "C"], ["N", "CA", "C", "N"], ["CA", "C", "N", "C"]]
    named = [[topology.atom(int(atoms[i])).name for i in quadruple] for quadruple in output.dihedrals]
    assert named == quadruples
    angles = mdtraj.compute_dihedrals(mdtraj.Trajectory(frames, None), output.dihedrals, periodic=False)
    expected = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(20, 8)
    np.testing.assert_allclose(output.target(frames), expected, atol=1e-6)
    np.testing.assert_allclose(output.target(frames[:, :, [1, 2, 0]]), expected, atol=1e-5)  # a rotation
    layout = OutputLayout((output,), scale=0.5, distance_scale=0.2)
    np.testing.assert_array_equal(layout.targets(frames), output.target(frames))


def test_dihedrals_of_an_output_must_lie_among_the_atoms(find):
    with pytest.raises(InputError, match=r"training\.outputs\[0\]\.dihedrals needs the atoms"):
        find(
            group(
                "dihedrals",
                dihedrals=[["resname ALA and name CB", "name CA", "resname ALA and name C", "resname NME and name N"]],
            )
        )
    assert isinstance(find(group("dihedrals", dihedrals=["phi"]))[0], DihedralsOutput)


def test_targets_do_not_depend_on_how_many_frames_are_superposed_at_a_time(structure):
    frames = np.random.default_rng(0).normal(size=(9000, *structure.shape)).astype(np.float32)
    output = PositionsOutput.of_all(structure)
    np.testing.assert_array_equal(output.target(frames)[8500:], output.target(frames[8500:]))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([group("distances")], "distances only"),
        (
            [group(), group("distances", distances="resname ALA and name CA")],
            r"outputs\[1\].distances .* selects one atom",
        ),
        ([group(atoms="name XX")], r"outputs\[0\].atoms is 'name XX'"),
        ([group(), group(atoms="name CB N CA")], r"outputs\[1\].atoms needs the atoms ALA2-CB"),
        ([group(align="name CA CB N")], r"outputs\[0\].align needs the atoms ALA2-CB"),
        ([group(align="resname ALA and name N CA")], r"outputs\[0\].align has 2 atoms"),
        ([group(atoms="resname ALA and name N CA")], r"outputs\[0\].atoms has 2 atoms"),
        ([group(atom_weights={"name CB": 2})], "needs the atoms ALA2-CB"),
        ([group(atoms="name N CA C", atom_weights={"name CH3": 2})], "matches no atom of"),
        ([group(), group("distances", distances=[["name CA", "name XX"]])], "matches no atom"),
    ],
)
def test_outputs_that_cannot_be_found_are_refused(find, groups, message):
    with pytest.raises(InputError, match=message):
        find(*groups)


def test_a_reference_on_a_line_is_refused(topology, atoms):
    line = np.linspace(0, 1, len(atoms))[:, None] * np.ones(3)
    with pytest.raises(InputError, match="on one line"):
        find_outputs(topology, atoms, {"outputs": [group()], "invariance": "alignment"}, lambda path, key: line)


def test_distances_alone_need_augmentation(find):
    (output,) = find(group("distances"), invariance="augmentation")
    assert isinstance(output, DistancesOutput)


def test_a_reference_structure_is_read_from_a_file(backbone, alanine_pdb, topology, structure):
    np.testing.assert_allclose(load_reference(str(alanine_pdb), topology, backbone, "key"), structure)


def test_a_reference_of_other_atoms_is_refused(backbone, alanine_pdb, topology, tmp_path):
    whole = mdtraj.load(str(alanine_pdb))
    part = whole.atom_slice([i for i in range(whole.n_atoms) if whole.topology.atom(i).residue.name != "NME"])
    part.save_pdb(str(tmp_path / "part.pdb"))
    with pytest.raises(InputError, match="selects 5 atoms that are not the 7"):
        load_reference(str(tmp_path / "part.pdb"), topology, backbone, "training.reference")
    with pytest.raises(InputError, match="no such file"):
        load_reference(str(tmp_path / "none.pdb"), topology, backbone, "training.reference")
    (tmp_path / "broken.pdb").write_text("nothing of a PDB file")
    with pytest.raises(InputError, match="broken.pdb"):
        load_reference(str(tmp_path / "broken.pdb"), topology, backbone, "training.reference")

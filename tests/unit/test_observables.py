"""Every kind of observable against values by hand."""

import mdtraj
import numpy as np
import pytest
from scipy.special import expit

from mesaflow.errors import InputError
from mesaflow.kinds import KINDS, resolve_observables
from mesaflow.observables import _FINDERS, find_measure, measure
from mesaflow.trajectories import load_topology, select_single_atoms

NAMES = ["name CH3", "resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]
KEY = "observables.phi.dihedral"
ABCD = ["name A", "name B", "name C", "name D"]
MASSES = {
    "A": mdtraj.element.hydrogen,
    "B": mdtraj.element.carbon,
    "C": mdtraj.element.carbon,
    "D": mdtraj.element.oxygen,
}
N_RESIDUES = 12
CA_DISTANCE = 0.38  # nm, of the α carbons of neighbours
STRAND_DISTANCE = 0.4  # nm


@pytest.fixture(scope="module")
def topology(alanine_pdb) -> mdtraj.Topology:
    return load_topology(alanine_pdb)


def structure_of(topology: mdtraj.Topology, positions: np.ndarray) -> mdtraj.Trajectory:
    return mdtraj.Trajectory(np.asarray(positions, dtype=float).reshape(1, -1, 3), topology)


@pytest.fixture(scope="module")
def chain() -> mdtraj.Trajectory:
    """Four atoms A, B, C, D on a line."""
    topology = mdtraj.Topology()
    residue = topology.add_residue("CHN", topology.add_chain())
    for name, element in MASSES.items():
        topology.add_atom(name, element, residue)
    return structure_of(topology, [[0, 0, 0], [0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0]])


@pytest.fixture(scope="module")
def hairpin() -> mdtraj.Trajectory:
    """The α carbons of two strands side by side, joined at one end: residue 0 faces 11, 1 faces 10, and so on."""
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for _ in range(N_RESIDUES):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain))
    along = CA_DISTANCE * np.arange(N_RESIDUES // 2)
    there = np.column_stack([along, np.zeros_like(along), np.zeros_like(along)])
    return structure_of(topology, np.concatenate([there, there[::-1] + [0, STRAND_DISTANCE, 0]]))


def extended(n_residues: int = N_RESIDUES) -> np.ndarray:
    """Positions [nm] of α carbons on a line."""
    return np.arange(n_residues)[:, None] * np.array([CA_DISTANCE, 0, 0])


def chain_positions(angles: np.ndarray) -> np.ndarray:
    """Positions [nm] of the chain with the given dihedral angles [rad], by the IUPAC sign."""
    frames = np.zeros((len(angles), 4, 3))
    frames[:, 0] = [0.1, 0, 0]
    frames[:, 2] = [0, 0, 0.15]
    frames[:, 3] = np.column_stack([0.1 * np.cos(angles), 0.1 * np.sin(angles), np.full(len(angles), 0.2)])
    return frames


def turned(positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The positions, rotated at random and moved away."""
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return positions @ (rotation * np.sign(np.linalg.det(rotation))) + rng.normal(size=3)


def values_of(structure: mdtraj.Trajectory, observable: dict, *frames) -> np.ndarray:
    """The values of one observable, with the defaults of its kind, in frames."""
    observables = resolve_observables({"x": with_null(observable)})
    return measure(structure, np.array(frames, dtype=float), observables)["x"]


def with_null(observable: dict) -> dict:
    """An observable with what the schema fills in."""
    defaults = {"rmsd": {"reference": None, "align": None}, "native_contacts": {"atoms": "all", "reference": None}}
    filled = {kind: defaults[kind] | observable[kind] for kind in defaults if kind in observable}
    return observable | filled


def write_structure(path, structure: mdtraj.Trajectory, positions: np.ndarray) -> str:
    structure_of(structure.topology, positions).save_pdb(str(path))
    return str(path)


def test_every_kind_can_be_measured():
    assert list(_FINDERS) == list(KINDS)


def test_dihedrals_by_hand(chain):
    angles = np.radians([-170, -90, -1, 0, 60, 90, 179])
    table = measure(chain, chain_positions(angles), {"torsion": {"dihedral": ABCD}})
    assert list(table) == ["torsion"] and table["torsion"].dtype == float
    np.testing.assert_allclose(table["torsion"], angles, atol=2e-6)


def test_angle_by_hand(chain):
    corner = [[1, 0, 0], [0, 0, 0], [0, 2, 0], [0, 0, 0]]
    straight = [[1, 0, 0], [0, 0, 0], [-3, 0, 0], [0, 0, 0]]
    sixty = [[1, 0, 0], [0, 0, 0], [0.5, 0.5 * np.sqrt(3), 0], [0, 0, 0]]
    values = values_of(chain, {"angle": ABCD[:3]}, corner, straight, sixty)
    np.testing.assert_allclose(np.degrees(values), [90, 180, 60], atol=1e-4)


def test_distance_of_atoms_by_hand(chain):
    positions = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0.3, 0.4, 1.2]]
    np.testing.assert_allclose(values_of(chain, {"distance": ["name A", "name D"]}, positions), 1.3, rtol=1e-6)


def test_distance_of_groups_is_that_of_their_centres_of_geometry(chain):
    positions = [[-1, 0, 0], [1, 0, 0], [0, 3, -2], [0, 3, 10]]  # centres (0, 0, 0) and (0, 3, 4)
    np.testing.assert_allclose(values_of(chain, {"distance": ["name A B", "name C D"]}, positions), 5, rtol=1e-6)


def test_end_to_end_goes_from_the_first_to_the_last_atom(hairpin):
    ends = values_of(hairpin, {"end_to_end": "name CA"}, extended())
    np.testing.assert_allclose(ends, CA_DISTANCE * (N_RESIDUES - 1), rtol=1e-6)
    ends = values_of(hairpin, {"end_to_end": ["resid 2", "resid 5"]}, extended())
    np.testing.assert_allclose(ends, CA_DISTANCE * 3, rtol=1e-6)


def test_radius_of_gyration_is_weighted_by_mass(chain):
    hydrogen, oxygen = MASSES["A"].mass, MASSES["D"].mass
    positions = [[0, 0, 0], [9, 9, 9], [9, 9, 9], [0, 1, 0]]
    expected = np.sqrt(hydrogen * oxygen) / (hydrogen + oxygen)  # √(μ/M) of two masses 1 nm apart
    np.testing.assert_allclose(values_of(chain, {"radius_of_gyration": "name A D"}, positions), expected, rtol=1e-6)


def test_rmsd_of_the_prepared_structure_in_any_pose_is_zero(hairpin):
    rng = np.random.default_rng(1)
    frames = [turned(hairpin.xyz[0], rng) for _ in range(5)]
    np.testing.assert_allclose(
        values_of(hairpin, {"rmsd": {"atoms": "name CA"}}, *frames), 0, atol=1e-5
    )  # nm; single precision


def test_rmsd_by_hand(hairpin):
    """What is displaced against the aligned atoms counts by the root of its mean square."""
    moved = hairpin.xyz[0].copy()
    moved[-2] += [0, 0.3, 0]
    moved[-1] += [0.4, 0, 0]
    observable = {"rmsd": {"atoms": "resid 10 11", "align": "resid 0 to 9"}}
    frame = turned(moved, np.random.default_rng(2))
    np.testing.assert_allclose(values_of(hairpin, observable, frame), np.sqrt((0.09 + 0.16) / 2), rtol=1e-5)


def test_rmsd_from_a_file(hairpin, tmp_path):
    """Against itself grown by a tenth, no rotation helps."""
    path = write_structure(tmp_path / "reference.pdb", hairpin, 1.1 * hairpin.xyz[0])
    offsets = 0.1 * (hairpin.xyz[0] - hairpin.xyz[0].mean(axis=0))
    expected = np.sqrt((offsets**2).sum(axis=1).mean())
    values = values_of(hairpin, {"rmsd": {"atoms": "all", "reference": path}}, hairpin.xyz[0])
    np.testing.assert_allclose(values, expected, atol=1e-4)  # a PDB file holds 10⁻⁴ nm


def test_native_contacts_of_the_reference_and_of_an_extended_chain(hairpin):
    observable = {"native_contacts": {"atoms": "name CA"}}
    folded, unfolded = values_of(hairpin, observable, hairpin.xyz[0], extended())
    np.testing.assert_allclose(folded, expit(50 * 0.8 * STRAND_DISTANCE), rtol=1e-6)
    assert 0.999 < folded <= 1
    assert unfolded < 1e-6


def test_native_contacts_by_hand(chain):
    """Two contacts, of which one is exactly half lost and the other 0.02 nm longer than that."""
    topology = mdtraj.Topology()
    for i in range(3):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", topology.add_chain(), resSeq=i))
    structure = structure_of(topology, [[0, 0, 0], [0.3, 0, 0], [-0.4, 0, 0]])
    frame = [[0, 0, 0], [1.8 * 0.3, 0, 0], [-1.8 * 0.4 - 0.02, 0, 0]]
    expected = (0.5 + expit(-50 * 0.02)) / 2
    values = values_of(structure, {"native_contacts": {}}, frame)
    np.testing.assert_allclose(values, expected, rtol=1e-4)  # positions are in single precision


def test_residues_are_counted_along_the_chain_and_not_along_the_selection(hairpin):
    """Of these four atoms two pairs are in contact, 11 and 9 residues apart."""
    opened = hairpin.xyz[0].copy()
    opened[11] += [0, 5, 0]
    values = values_of(hairpin, {"native_contacts": {"atoms": "resid 0 1 10 11"}}, hairpin.xyz[0], opened)
    np.testing.assert_allclose(values, [1, 0.5], atol=1e-6)


def test_residues_three_apart_are_too_near(hairpin):
    with pytest.raises(InputError, match="finds no contact"):
        values_of(hairpin, {"native_contacts": {"atoms": "resid 4 to 7"}}, hairpin.xyz[0])


def test_native_contacts_from_a_file(hairpin, tmp_path):
    path = write_structure(tmp_path / "native.pdb", hairpin, hairpin.xyz[0])
    stretched = structure_of(hairpin.topology, extended())
    observable = {"native_contacts": {"reference": path}}
    assert values_of(stretched, observable, hairpin.xyz[0])[0] > 0.99


@pytest.mark.parametrize(
    "observable",
    [
        {"dihedral": ["resid 0", "resid 3", "resid 6", "resid 9"]},
        {"angle": ["resid 0", "resid 3", "resid 6"]},
        {"distance": ["resid 0 to 2", "resid 9 to 11"]},
        {"end_to_end": "name CA"},
        {"rmsd": {"atoms": "resid 3 to 8"}},
        {"radius_of_gyration": "all"},
        {"native_contacts": {}},
    ],
    ids=lambda observable: next(iter(observable)),
)
def test_the_pose_does_not_matter(hairpin, observable):
    rng = np.random.default_rng(3)
    frame = hairpin.xyz[0] + rng.normal(scale=0.05, size=hairpin.xyz[0].shape)
    values = values_of(hairpin, observable, *(turned(frame, rng) for _ in range(4)))
    np.testing.assert_allclose(values, values[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["dihedral", "rmsd", "native_contacts"])
def test_no_frames_give_no_values(hairpin, kind):
    definitions = {
        "dihedral": ["resid 0", "resid 3", "resid 6", "resid 9"],
        "rmsd": {"atoms": "all"},
        "native_contacts": {},
    }
    observables = resolve_observables({"x": with_null({kind: definitions[kind]})})
    table = measure(hairpin, np.empty((0, N_RESIDUES, 3)), observables)
    assert table["x"].shape == (0,) and table["x"].dtype == float


def test_each_observable_has_its_own_column(chain):
    observables = {"other": {"dihedral": ["name A", "name C", "name B", "name D"]}, "forward": {"dihedral": ABCD}}
    positions = chain_positions(np.array([0.5, 1.0]))
    table = measure(chain, positions, observables)
    assert list(table) == ["other", "forward"]
    np.testing.assert_allclose(table["forward"], [0.5, 1.0], atol=2e-6)
    np.testing.assert_allclose(table["other"], measure(chain, positions, {"o": observables["other"]})["o"])


def test_without_observables_there_is_no_column(chain):
    assert measure(chain, chain_positions(np.zeros(3)), {}) == {}


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


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        ({"angle": ["resid 0", "resid 1", "resid 1"]}, r"x.angle names an atom twice"),
        ({"angle": ["resid 0 1", "resid 2", "resid 3"]}, r"x.angle\[0\] is 'resid 0 1', which matches 2 atoms"),
        ({"distance": ["resid 0", "name XX"]}, r"x.distance\[1\] is 'name XX', which matches no atom"),
        ({"distance": ["resid 0 to 3", "resid 3"]}, r"x.distance has the atom ALA3-CA at both ends"),
        ({"end_to_end": "resid 0"}, r"x.end_to_end is 'resid 0', which matches one atom; select at least two"),
        ({"end_to_end": ["name CA", "resid 0"]}, r"x.end_to_end\[0\] is 'name CA', which matches 12 atoms"),
        ({"radius_of_gyration": "name XX"}, r"x.radius_of_gyration is 'name XX', which matches no atom"),
        ({"rmsd": {"atoms": "name XX"}}, r"x.rmsd.atoms is 'name XX', which matches no atom"),
        ({"rmsd": {"atoms": "all", "align": "name XX"}}, r"x.rmsd.align is 'name XX', which matches no atom"),
        ({"rmsd": {"atoms": "all", "align": "resid 0 1"}}, r"x.rmsd.align has 2 atoms; superposition needs at least 3"),
        ({"rmsd": {"atoms": "resid 0 1"}}, r"x.rmsd.atoms has 2 atoms; superposition needs at least 3"),
        (
            {"rmsd": {"atoms": "all", "reference": "nowhere.pdb"}},
            r"x.rmsd.reference is 'nowhere.pdb', and there is no such file",
        ),
        (
            {"native_contacts": {"atoms": "resid 0 to 3"}},
            r"x.native_contacts finds no contact: in the prepared structure",
        ),
        (
            {"native_contacts": {"reference": "nowhere.pdb"}},
            r"x.native_contacts.reference is 'nowhere.pdb', and there is no such file",
        ),
    ],
)
def test_what_does_not_fit_the_molecule_is_refused(hairpin, observable, message):
    (resolved,) = resolve_observables({"x": with_null(observable)}).values()
    with pytest.raises(InputError, match=f"observables.{message}"):
        find_measure("x", resolved, hairpin)


@pytest.mark.parametrize("kind", ["rmsd", "native_contacts"])
def test_a_reference_of_other_atoms_is_refused(hairpin, kind, tmp_path):
    shorter = hairpin.atom_slice(range(N_RESIDUES - 1))
    path = write_structure(tmp_path / "shorter.pdb", shorter, shorter.xyz[0])
    observable = with_null({kind: {"atoms": "name CA", "reference": path}})
    message = rf"observables.x.{kind}.reference is '{path}', in which 'name CA' selects 11 atoms that are not the 12"
    with pytest.raises(InputError, match=message):
        find_measure("x", observable, hairpin)


def test_a_reference_without_the_atoms_is_refused(hairpin, tmp_path):
    other = mdtraj.Topology()
    other.add_atom("O", mdtraj.element.oxygen, other.add_residue("HOH", other.add_chain()))
    path = tmp_path / "water.pdb"
    structure_of(other, [[0, 0, 0]]).save_pdb(str(path))
    with pytest.raises(InputError, match=r"observables.x.rmsd.reference is .*, in which 'name CA' selects 0 atoms"):
        find_measure("x", with_null({"rmsd": {"atoms": "name CA", "reference": str(path)}}), hairpin)

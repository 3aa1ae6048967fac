import numpy as np
import openmm
import pytest
from openmm import app, unit

from mesaflow.errors import InputError
from mesaflow.solvation import box_vectors, check_box, count_solute_atoms, solvate, water_files
from mesaflow.structures import Structure, read_structure
from mesaflow.systems import build_system, check_molecule, create_force_field, prepare, take_first

BOX = {"shape": "cube", "padding_nm": 0.6, "cutoff_nm": 0.8, "ionic_strength_M": 0.0}


@pytest.fixture(scope="module")
def lysine() -> Structure:
    """A capped lysine, which is charged."""
    return read_structure({"sequence": "ACE LYS NME"})


def solvated(
    structure: Structure, model: str = "tip3p", random_seed: int = 1, force_field: str = "amber14-all.xml", **box
):
    loaded = create_force_field([force_field], model)
    return solvate(structure, loaded, model, BOX | box, random_seed)


def residue_names(structure: Structure) -> list[str]:
    return [residue.name for residue in structure.topology.residues()]


@pytest.mark.parametrize(("shape", "volume"), [("cube", 1.0), ("dodecahedron", 2**-0.5), ("octahedron", 4 / 27**0.5)])
def test_the_box_keeps_its_distance_from_a_sphere_around_the_molecule(shape, volume):
    """The distance between a lattice's points is its width, and the volumes are those of the textbooks."""
    points = np.array([[0.5, 0, 0], [-0.5, 0, 0], [0, 0.2, 0]])
    vectors = box_vectors(Structure(None, points), shape, padding=1.0)
    width = 2 * (np.hypot(0.5, 0.1) + 1.0)
    assert np.linalg.det(vectors) == pytest.approx(volume * width**3)
    turns = np.array([turn for turn in np.ndindex(3, 3, 3) if turn != (1, 1, 1)]) - 1
    assert np.linalg.norm(turns @ vectors, axis=1).min() == pytest.approx(width)


def test_a_box_too_small_for_the_cutoff_is_refused():
    check_box(np.eye(3) * 2.2, 1.0, "remedy")
    with pytest.raises(InputError, match="2.05 nm wide .*cutoff_nm 1; .* twice the cut-off, .* water shrinks: remedy"):
        check_box(np.diag([3.0, 3.0, 2.05]), 1.0, "remedy")


def test_the_solute_comes_first_and_ions_make_the_system_neutral(lysine):
    n_solute = lysine.topology.getNumAtoms()
    structure = solvated(lysine)
    assert count_solute_atoms(structure.topology) == n_solute
    np.testing.assert_array_equal(structure.coordinates[:n_solute], lysine.coordinates)
    assert residue_names(structure).count("CL") == 1
    assert "NA" not in residue_names(structure)
    system = build_system(structure, ["amber14-all.xml"], "tip3p", "h_bonds", cutoff=0.8)
    (nonbonded,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    assert nonbonded.getNonbondedMethod() == openmm.NonbondedForce.PME
    charges = [nonbonded.getParticleParameters(i)[0]._value for i in range(system.getNumParticles())]
    assert sum(charges) == pytest.approx(0, abs=1e-4)


def test_ions_are_drawn_by_the_random_seed(lysine):
    one, again, other = (solvated(lysine, random_seed=seed, ionic_strength_M=0.5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.coordinates, again.coordinates)
    assert residue_names(one).count("NA") > 0
    assert not np.array_equal(one.coordinates, other.coordinates)


def test_water_of_four_sites_is_as_good(lysine):
    structure = solvated(lysine, "opc", force_field="amber19-all.xml")
    system = build_system(structure, ["amber19-all.xml"], "opc", "h_bonds", cutoff=0.8)
    assert any(system.isVirtualSite(i) for i in range(system.getNumParticles()))


def test_water_in_the_structure_goes_behind_the_molecule(lysine):
    water = app.Topology()
    residue = water.addResidue("HOH", water.addChain())
    for name in ("O", "H1", "H2"):
        water.addAtom(name, app.Element.getBySymbol(name[0]), residue)
    water.createStandardBonds()
    places = np.array([[0, 0, 0], [0.0957, 0, 0], [-0.024, 0.0927, 0]])
    modeller = app.Modeller(water, places * unit.nanometer)
    modeller.add(lysine.topology, (lysine.coordinates + [1.0, 0, 0]) * unit.nanometer)
    mixed = Structure(modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer)))
    with pytest.raises(
        InputError, match="has ACE 1 after water or ions; put all molecules that are to be stored before"
    ):
        count_solute_atoms(mixed.topology)
    assert residue_names(solvated(mixed))[:4] == ["ACE", "LYS", "NME", "HOH"]


@pytest.mark.parametrize(
    ("model", "force_field", "files"),
    [
        ("tip3p", "amber99sb.xml", ["tip3p.xml"]),
        ("opc", "amber19-all.xml", ["amber19/opc.xml"]),
        ("tip3pfb", "amber14/protein.ff14SB.xml", ["amber14/tip3pfb.xml"]),
        ("tip3p", "charmm36.xml", ["charmm36/water.xml"]),
    ],
)
def test_water_comes_from_the_file_that_goes_with_the_force_field(model, force_field, files):
    assert water_files(model, [force_field]) == files
    assert water_files(model, [force_field, "own/tip3p_special.xml"]) == []


def test_water_that_does_not_go_with_the_force_field_is_refused():
    with pytest.raises(InputError, match="'opc', for which OpenMM ships no file that goes with charmm36.xml"):
        water_files("opc", ["charmm36.xml"])


@pytest.fixture
def in_water(alanine_pdb) -> dict:
    keys = {
        "structure": str(alanine_pdb),
        "force_field": ["amber99sb.xml"],
        "solvent": "tip3p",
        "constraints": "h_bonds",
    }
    return keys | {"box": BOX | {"cutoff_nm": 0.9, "padding_nm": 0.66}}


def test_what_is_checked_before_any_job_is_what_will_be_stored(in_water):
    topology, positions = check_molecule(in_water)
    structure, system = prepare(in_water)
    assert topology.n_atoms == len(positions) == 22
    assert system.getNumParticles() == structure.topology.getNumAtoms() > 500
    assert take_first(structure, 22).topology.getPeriodicBoxVectors() is None


def test_a_box_that_is_too_small_is_refused_before_any_job(in_water):
    with pytest.raises(InputError, match="raise system.box.padding_nm"):
        check_molecule(in_water | {"box": BOX | {"padding_nm": 0.2}})

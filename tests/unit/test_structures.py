import io
import random

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from mesaflow.errors import InputError
from mesaflow.sequences import parse_sequence
from mesaflow.structures import Structure, load_structure, positions_of, read_structure
from mesaflow.systems import build_system, describe

TRIALANINE = "ACE ALA ALA ALA NME"
TRP_CAGE = "NLYIQWLKDGGPSSGRPPPS"


def trajectory_of(structure: Structure) -> mdtraj.Trajectory:
    return mdtraj.Trajectory(structure.coordinates[None], describe(structure))


def names_of(structure: Structure) -> list[tuple[str, str]]:
    return [(atom.residue.name, atom.name) for atom in structure.topology.atoms()]


def chirality(structure: Structure, residue: int) -> float:
    """The sign of the triple product of N, C and CB around CA: positive for an L amino acid."""
    atoms = {
        atom.name: structure.coordinates[atom.index] for atom in list(structure.topology.residues())[residue].atoms()
    }
    n, c, cb = (atoms[name] - atoms["CA"] for name in ("N", "C", "CB"))
    return float(np.dot(np.cross(n, c), cb))


@pytest.fixture(scope="module")
def trialanine() -> Structure:
    return read_structure({"sequence": TRIALANINE})


def test_a_capped_peptide_is_stretched_out_with_trans_peptide_bonds(trialanine):
    assert trialanine.topology.getNumAtoms() == 42
    residues = [residue.name for residue in trialanine.topology.residues()]
    assert residues == TRIALANINE.split()
    trajectory = trajectory_of(trialanine)
    np.testing.assert_allclose(np.degrees(mdtraj.compute_phi(trajectory)[1]), -120, atol=1)
    np.testing.assert_allclose(np.degrees(mdtraj.compute_psi(trajectory)[1]), 140, atol=1)
    assert (np.cos(mdtraj.compute_omega(trajectory)[1]) < -0.95).all()
    assert all(chirality(trialanine, residue) > 0 for residue in (1, 2, 3))


def test_the_caps_are_those_that_force_fields_know(trialanine, alanine_pdb):
    shipped = load_structure(alanine_pdb)
    wanted = [(atom.residue.name, atom.name) for atom in shipped.topology.atoms()]
    built = names_of(read_structure({"sequence": "ACE ALA NME"}))
    assert sorted(built) == sorted(wanted)
    build_system(trialanine, ["amber14-all.xml"], "vacuum", "h_bonds")


def test_letters_make_a_peptide_with_charged_termini():
    structure = read_structure({"sequence": TRP_CAGE, "pH": 7})
    assert structure.topology.getNumAtoms() == 304
    system = build_system(structure, ["amber99sb.xml"], "vacuum", "none")
    (nonbonded,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    charges = [nonbonded.getParticleParameters(i)[0].value_in_unit(unit.elementary_charge) for i in range(304)]
    assert sum(charges) == pytest.approx(1, abs=1e-6)  # lysine, arginine and aspartic acid; the termini cancel


def test_the_pH_decides_which_hydrogens_there_are():
    assert ("ASP", "HD2") in names_of(read_structure({"sequence": "ACE ASP NME", "pH": 2}))
    assert ("ASP", "HD2") not in names_of(read_structure({"sequence": "ACE ASP NME", "pH": 7}))


def test_a_structure_is_built_alike_each_time_and_leaves_other_random_numbers_alone(trialanine):
    random.seed(5)
    expected = random.random()
    random.seed(5)
    again = read_structure({"sequence": TRIALANINE})
    assert random.random() == expected
    np.testing.assert_array_equal(again.coordinates, trialanine.coordinates)


@pytest.mark.parametrize(
    ("sequence", "names"),
    [
        ("nl", ["ASN", "LEU"]),
        ("ALA", ["ALA"]),
        ("A", ["ALA"]),
        (" ACE  ala NME ", ["ACE", "ALA", "NME"]),
        ("ACE GLY", ["ACE", "GLY"]),
    ],
)
def test_sequences_are_read_in_either_form(sequence, names):
    assert parse_sequence(sequence) == names


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("NLX", "names 'X': which is no amino acid"),
        ("ACE MSE NME", "names 'MSE': which is no amino acid"),
        ("ALA ACE", "names 'ACE': ACE only comes first"),
        ("NME ALA", "names 'NME': ACE only comes first and NME last"),
        ("ACE NME", "names no amino acid"),
    ],
)
def test_unknown_residues_and_misplaced_caps_are_refused(sequence, words):
    with pytest.raises(InputError, match=words):
        read_structure({"sequence": sequence})


def without(path, folder, leave_out) -> str:
    """Write a PDB file without the atoms that ``leave_out`` tells of a line."""
    lines = path.read_text().splitlines()
    kept = [line for line in lines if line.startswith(("ATOM", "HETATM")) and not leave_out(line)]
    (folder / "partial.pdb").write_text("\n".join([*kept, "END", ""]))
    return str(folder / "partial.pdb")


def is_hydrogen(line: str) -> bool:
    return line[76:78].strip() == "H"


def test_missing_hydrogens_are_added_on_request(alanine_pdb, tmp_path):
    path = without(alanine_pdb, tmp_path, is_hydrogen)
    assert read_structure({"structure": path}).topology.getNumAtoms() == 10
    completed = read_structure({"structure": path, "add_hydrogens": True, "pH": 7})
    assert sorted(names_of(completed)) == sorted(names_of(Structure(load_structure(alanine_pdb).topology, None)))
    build_system(completed, ["amber99sb.xml"], "vacuum", "h_bonds")


def test_missing_side_chains_are_added_from_their_root(tmp_path):
    structure = read_structure({"sequence": "GIG"})
    with open(tmp_path / "whole.pdb", "w") as file:
        app.PDBFile.writeFile(structure.topology, structure.positions, file, keepIds=True)
    names = ("CG1", "CG2", "CD1")
    path = without(tmp_path / "whole.pdb", tmp_path, lambda line: is_hydrogen(line) or line[12:16].strip() in names)
    completed = read_structure({"structure": path, "add_hydrogens": True, "pH": 7})
    assert sorted(names_of(completed)) == sorted(names_of(structure))
    assert chirality(completed, 1) > 0


def test_a_side_chain_without_its_root_is_refused_as_it_might_come_out_on_the_wrong_side(alanine_pdb, tmp_path):
    path = without(alanine_pdb, tmp_path, lambda line: is_hydrogen(line) or line[12:16].strip() == "CB")
    with pytest.raises(InputError, match="ALA 2 without CB, and system.add_hydrogens adds side chains only from CB on"):
        read_structure({"structure": path, "add_hydrogens": True})


@pytest.fixture
def tripeptide_pdb(tmp_path):
    """Ala3 with charged termini, as a PDB file."""
    structure = read_structure({"sequence": "AAA"})
    with open(tmp_path / "tripeptide.pdb", "w") as file:
        app.PDBFile.writeFile(structure.topology, structure.positions, file, keepIds=True)
    return tmp_path / "tripeptide.pdb"


def test_a_missing_terminus_is_refused_with_the_remedy_and_added_on_request(tripeptide_pdb, tmp_path):
    path = without(tripeptide_pdb, tmp_path, lambda line: line[12:16].strip() == "OXT")
    with pytest.raises(InputError, match="system.add_hydrogens: true"):
        build_system(read_structure({"structure": path}), ["amber99sb.xml"], "vacuum", "none")
    completed = read_structure({"structure": path, "add_hydrogens": True, "pH": 7})
    build_system(completed, ["amber99sb.xml"], "vacuum", "none")
    assert ("ALA", "OXT") in names_of(completed)


def test_a_residue_without_template_is_refused_in_one_line(alanine_pdb, tmp_path):
    path = tmp_path / "renamed.pdb"
    path.write_text(alanine_pdb.read_text().replace(" ALA ", " XYZ "))
    with pytest.raises(
        InputError, match=r"does not fit system.structure: No template found for residue 1 \(XYZ\)"
    ) as caught:
        build_system(read_structure({"structure": str(path)}), ["amber99sb.xml"], "vacuum", "none")
    assert "\n" not in str(caught.value)


def test_a_chain_with_a_gap_is_refused(tripeptide_pdb, tmp_path):
    path = without(tripeptide_pdb, tmp_path, lambda line: line[22:26].strip() == "2")
    with pytest.raises(InputError, match="has ALA 1 and ALA 3 next to each other but 0.[3-6] nm apart"):
        read_structure({"structure": path})


def test_mmcif_holds_the_same_as_pdb(alanine_pdb, tmp_path):
    pdb = load_structure(alanine_pdb)
    text = io.StringIO()
    app.PDBxFile.writeFile(pdb.topology, pdb.positions, text, keepIds=True)
    (tmp_path / "alanine.cif").write_text(text.getvalue())
    structure = read_structure({"structure": str(tmp_path / "alanine.cif")})
    assert names_of(structure) == names_of(Structure(pdb.topology, None))
    np.testing.assert_allclose(structure.coordinates, positions_of(pdb), atol=1e-5)
    build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds")


def test_hydrogens_are_made_heavier_at_the_cost_of_their_neighbours(alanine_pdb):
    structure = load_structure(alanine_pdb)
    light = build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds")
    heavy = build_system(structure, ["amber99sb.xml"], "vacuum", "h_bonds", hydrogen_mass=3.0)
    masses = np.array([[system.getParticleMass(i)._value for i in range(22)] for system in (light, heavy)])
    is_h = np.array([atom.element.symbol == "H" for atom in structure.topology.atoms()])
    np.testing.assert_allclose(masses[1, is_h], 3.0)
    assert masses[1].sum() == pytest.approx(masses[0].sum())


def test_of_an_entry_protein_is_kept_and_water_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    structure = read_structure({"sequence": "AAA"})
    modeller = app.Modeller(structure.topology, structure.positions)
    water = app.Topology()
    water.addAtom("O", app.element.oxygen, water.addResidue("HOH", water.addChain("W")))
    modeller.add(water, np.array([[5.0, 5.0, 5.0]]) * unit.nanometer)
    entry = tmp_path / "resources" / "structures" / "1ABC.cif"
    entry.parent.mkdir(parents=True)
    with open(entry, "w") as file:
        app.PDBxFile.writeFile(modeller.topology, modeller.positions, file)
    assert names_of(read_structure({"pdb_id": "1abc"})) == names_of(structure)

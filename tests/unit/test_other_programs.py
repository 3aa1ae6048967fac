"""The same diatomic molecule as files of Amber, CHARMM and GROMACS: its energy is known."""

import numpy as np
import openmm
import pytest
from openmm import unit

from mesaflow.errors import InputError
from mesaflow.structures import read_structure
from mesaflow.systems import build_system, prepare

LENGTH, STRETCHED = 0.15, 0.17  # nm
FORCE_CONSTANT = 200_000.0  # kJ/mol/nm², of ½ k (r − r₀)²
CHARGE = 0.3  # e
KILOCALORIE = 4.184  # kJ

PRMTOP = {
    "TITLE": ("(20a4)", ["diatom"]),
    "POINTERS": (
        "(10I8)",
        [2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0],
    ),
    "ATOM_NAME": ("(20a4)", ["C1", "C2"]),
    "CHARGE": ("(5E16.8)", [CHARGE * 18.2223, -CHARGE * 18.2223]),
    "ATOMIC_NUMBER": ("(10I8)", [6, 6]),
    "MASS": ("(5E16.8)", [12.0, 12.0]),
    "ATOM_TYPE_INDEX": ("(10I8)", [1, 1]),
    "NUMBER_EXCLUDED_ATOMS": ("(10I8)", [1, 1]),
    "NONBONDED_PARM_INDEX": ("(10I8)", [1]),
    "RESIDUE_LABEL": ("(20a4)", ["MOL"]),
    "RESIDUE_POINTER": ("(10I8)", [1]),
    "BOND_FORCE_CONSTANT": ("(5E16.8)", [FORCE_CONSTANT / 2 / KILOCALORIE / 100]),
    "BOND_EQUIL_VALUE": ("(5E16.8)", [LENGTH * 10]),
    "LENNARD_JONES_ACOEF": ("(5E16.8)", [1e5]),
    "LENNARD_JONES_BCOEF": ("(5E16.8)", [1e2]),
    "BONDS_INC_HYDROGEN": ("(10I8)", []),
    "BONDS_WITHOUT_HYDROGEN": ("(10I8)", [0, 3, 1]),
    "EXCLUDED_ATOMS_LIST": ("(10I8)", [2, 0]),
    "AMBER_ATOM_TYPE": ("(20a4)", ["CT", "CT"]),
    "RADII": ("(5E16.8)", [1.7, 1.7]),
    "SCREEN": ("(5E16.8)", [0.72, 0.72]),
}
PRMTOP |= {  # there is none of these
    f"{term}S_{kind}_HYDROGEN": ("(10I8)", []) for term in ("ANGLE", "DIHEDRAL") for kind in ("INC", "WITHOUT")
}
PRMTOP |= {
    name: ("(5E16.8)", [])
    for name in (
        "ANGLE_FORCE_CONSTANT",
        "ANGLE_EQUIL_VALUE",
        "DIHEDRAL_FORCE_CONSTANT",
        "DIHEDRAL_PERIODICITY",
        "DIHEDRAL_PHASE",
        "HBOND_ACOEF",
        "HBOND_BCOEF",
    )
}
INPCRD = f"diatom\n     2\n{0.0:12.7f}{0.0:12.7f}{0.0:12.7f}{STRETCHED * 10:12.7f}{0.0:12.7f}{0.0:12.7f}\n"

PSF = """PSF

       1 !NTITLE
 REMARKS diatom

       2 !NATOM
       1 MOL  1    MOL  C1   CT     0.300000       12.0000           0
       2 MOL  1    MOL  C2   CT    -0.300000       12.0000           0

       1 !NBOND: bonds
       1       2

       0 !NTHETA: angles

       0 !NPHI: dihedrals

       0 !NIMPHI: impropers

       0 !NDON: donors

       0 !NACC: acceptors

       0 !NNB

       0       0

       1       0 !NGRP
       0       0       0

"""
PRM = f"""* diatom
*
ATOMS
MASS 1 CT 12.0

BONDS
CT CT {FORCE_CONSTANT / 2 / KILOCALORIE / 100:.6f} {LENGTH * 10}

NONBONDED nbxmod 5 atom cdiel shift vatom vdistance vswitch -
cutnb 14.0 ctofnb 12.0 ctonnb 10.0 eps 1.0 e14fac 1.0 wmin 1.5
CT 0.0 -0.1 2.0

END
"""
PDB = "\n".join(
    f"ATOM  {i:5d}  C{i}  MOL A   1    {x:8.3f}   0.000   0.000  1.00  0.00           C"
    for i, x in ((1, 0.0), (2, 1.7))
)

TOP = f"""[ defaults ]
1 2 yes 0.5 0.8333
[ atomtypes ]
CT 6 12.0 0.0 A 0.34 0.4
[ moleculetype ]
MOL 1
[ atoms ]
1 CT 1 MOL C1 1 {CHARGE} 12.0
2 CT 1 MOL C2 1 {-CHARGE} 12.0
[ bonds ]
1 2 1 {LENGTH} {FORCE_CONSTANT}
[ system ]
diatom
[ molecules ]
MOL 1
"""


def gro(box: float) -> str:
    atoms = "".join(
        f"{1:5d}{'MOL':<5}{f'C{i}':>5}{i:5d}{x:8.3f}{0.0:8.3f}{0.0:8.3f}\n" for i, x in ((1, 0.0), (2, STRETCHED))
    )
    return f"diatom\n    2\n{atoms}{box:10.5f}{box:10.5f}{box:10.5f}\n"


def prmtop() -> str:
    text = "%VERSION  VERSION_STAMP = V0001.000  DATE = 01/01/01  00:00:00\n"
    for name, (form, values) in PRMTOP.items():
        text += f"%FLAG {name}\n%FORMAT{form}\n"
        show = {"(20a4)": "{:<4}", "(10I8)": "{:8d}", "(5E16.8)": "{:16.8E}"}[form]
        n_columns = {"(20a4)": 20, "(10I8)": 10, "(5E16.8)": 5}[form]
        lines = [values[i : i + n_columns] for i in range(0, len(values), n_columns)] or [[]]
        text += "".join("".join(show.format(value) for value in line) + "\n" for line in lines)
    return text


@pytest.fixture
def files(tmp_path):
    """The files of each program, and the ``system`` keys that name them."""
    contents = {"d.prmtop": prmtop(), "d.inpcrd": INPCRD, "d.psf": PSF, "d.prm": PRM, "d.pdb": PDB + "\nEND\n"}
    contents |= {"d.top": TOP, "d.gro": gro(0.0), "boxed.gro": gro(2.5)}
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    pairs = {"amber": ("prmtop", "inpcrd"), "charmm": ("psf", "pdb"), "gromacs": ("top", "gro")}
    keys = {
        program: {"structure": str(tmp_path / f"d.{one}"), "coordinates": str(tmp_path / f"d.{other}")}
        for program, (one, other) in pairs.items()
    }
    keys["charmm"]["parameters"] = [str(tmp_path / "d.prm")]
    return keys


def energy(system: openmm.System, positions: np.ndarray) -> float:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


@pytest.mark.parametrize("program", ["amber", "charmm", "gromacs"])
def test_the_bond_has_its_energy(files, program):
    structure, system = prepare(files[program] | {"solvent": "vacuum", "constraints": "none"})
    assert [atom.name for atom in structure.topology.atoms()] == ["C1", "C2"]
    expected = FORCE_CONSTANT / 2 * (STRETCHED - LENGTH) ** 2
    assert energy(system, structure.coordinates) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("program", ["amber", "charmm", "gromacs"])
def test_implicit_solvent_lowers_the_energy_of_a_dipole(files, program):
    structure = read_structure(files[program])
    vacuum, solvated = (build_system(structure, [], solvent, "none") for solvent in ("vacuum", "obc2"))
    assert energy(solvated, structure.coordinates) < energy(vacuum, structure.coordinates) - 1


def test_a_box_that_is_given_is_used(files, tmp_path):
    keys = files["gromacs"] | {"coordinates": str(tmp_path / "boxed.gro"), "solvent": "as_given", "constraints": "none"}
    _, system = prepare(keys | {"box": {"cutoff_nm": 1.0}})
    assert system.usesPeriodicBoundaryConditions()
    assert system.getDefaultPeriodicBoxVectors()[0][0].value_in_unit(unit.nanometer) == pytest.approx(2.5)


def test_a_box_that_is_missing_or_too_small_is_refused(files, tmp_path):
    keys = files["gromacs"] | {"solvent": "as_given", "constraints": "none", "box": {"cutoff_nm": 1.3}}
    with pytest.raises(InputError, match="hold no periodic box; give one there"):
        prepare(keys)
    with pytest.raises(InputError, match="the periodic box is 2.50 nm wide .* lower system.box.cutoff_nm"):
        prepare(keys | {"coordinates": str(tmp_path / "boxed.gro")})


def test_files_of_different_systems_are_refused(files, alanine_pdb):
    with pytest.raises(InputError, match=r"system.coordinates .* has 22 atoms, and system.structure .* has 2"):
        read_structure(files["charmm"] | {"coordinates": str(alanine_pdb)})


def test_a_broken_file_is_refused_in_one_line(files, tmp_path):
    (tmp_path / "d.top").write_text("[ atoms ]\n1 CT 1 MOL C1\n")
    with pytest.raises(InputError, match="d.top' cannot be read with system.coordinates") as caught:
        read_structure(files["gromacs"])
    assert "\n" not in str(caught.value)

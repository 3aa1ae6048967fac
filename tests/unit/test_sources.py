import copy

import pytest

from mesaflow.errors import InputError
from mesaflow.settings import resolve_config
from mesaflow.sources import check_sources, is_explicit, keys_with_effect, source_files

AMBER = {"structure": "x.prmtop", "coordinates": "x.inpcrd", "force_field": []}


@pytest.fixture
def system(config, schema) -> dict:
    """The ``system`` section of the default configuration."""
    return resolve_config(copy.deepcopy(config), schema)["system"]


def test_keys_without_effect_are_no_dependency_of_simulations(system):
    """Nor is their order, which Snakemake compares."""
    assert list(keys_with_effect(system).items()) == [
        ("structure", "config/structures/alanine_dipeptide.pdb"),
        ("force_field", ["amber99sb.xml"]),
        ("solvent", "vacuum"),
        ("constraints", "h_bonds"),
        ("hydrogen_mass_amu", 3),
        ("peptide_bonds", "keep"),
    ]


def test_keys_with_effect_stay(system):
    changed = keys_with_effect(system | {"structure": None, "sequence": "ACE ALA NME", "solvent": "tip3p"})
    assert changed.keys() >= {"sequence", "pH", "box", "equilibration"}
    assert "structure" not in changed


@pytest.mark.parametrize(
    ("solvent", "explicit"), [("vacuum", False), ("obc2", False), ("tip3p", True), ("opc", True), ("as_given", True)]
)
def test_explicit_solvents_are_told_from_others(solvent, explicit):
    assert is_explicit(solvent) == explicit


@pytest.mark.parametrize(
    ("keys", "files"),
    [
        ({}, ["config/structures/alanine_dipeptide.pdb"]),
        ({"structure": None, "sequence": "ACE ALA NME"}, []),
        ({"structure": None, "pdb_id": "1l2y"}, ["resources/structures/1L2Y.cif"]),
        (AMBER, ["x.prmtop", "x.inpcrd"]),
        (AMBER | {"structure": "x.psf", "coordinates": "x.crd", "parameters": ["x.prm"]}, ["x.psf", "x.crd", "x.prm"]),
    ],
    ids=["PDB", "sequence", "entry", "Amber", "CHARMM"],
)
def test_the_files_of_each_source(system, keys, files):
    assert source_files(system | keys) == files
    check_sources(system | keys, 2.0)


@pytest.mark.parametrize(
    ("keys", "timestep_fs", "words"),
    [
        ({"sequence": "ACE ALA NME"}, 2, "system.structure and system.sequence is given; give one"),
        ({"structure": None}, 2, "but none is given; give one"),
        (AMBER | {"coordinates": None}, 2, "'x.prmtop' has no coordinates, .* give its .inpcrd or .rst7 file"),
        (AMBER | {"structure": "x.top", "coordinates": None}, 2, "give its .gro file"),
        (AMBER | {"force_field": ["amber99sb.xml"]}, 2, r"brings its own forces; set system.force_field to \[\]"),
        (AMBER | {"structure": "x.psf"}, 2, "system.parameters is empty; give its files"),
        (AMBER | {"solvent": "tip3p"}, 2, "solvate it before and choose as_given"),
        (AMBER | {"add_hydrogens": True}, 2, "add_hydrogens is true, but the atoms of 'x.prmtop' are fixed"),
        ({"force_field": []}, 2, "system.force_field is empty; name force-field files"),
        ({"coordinates": "x.inpcrd"}, 2, "system.coordinates is 'x.inpcrd', which only .* needs; drop it"),
        ({"structure": None, "sequence": "AAA", "solvent": "as_given"}, 2, "choose a water model"),
        (
            {"hydrogen_mass_amu": 1.2},
            4,
            "timestep_fs is 4 with hydrogens of 1.2 amu; give at most 3, or system.hydrogen_mass_amu",
        ),
        (
            {"hydrogen_mass_amu": None},
            4,
            "timestep_fs is 4 with hydrogens of their own mass; give at most 3, or system.hydrogen_mass_amu",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_keys_that_do_not_fit_are_refused(system, keys, timestep_fs, words):
    with pytest.raises(InputError, match=words):
        check_sources(system | keys, timestep_fs)


def test_heavy_hydrogens_allow_long_time_steps(system):
    check_sources(system | {"hydrogen_mass_amu": 3}, 4)

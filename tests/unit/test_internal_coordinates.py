import numpy as np
import pytest

from mesaflow.errors import InputError
from mesaflow.features import Features
from mesaflow.internal_coordinates import find_dihedrals, find_features, find_pairs


def training(**changes) -> dict:
    return {
        "inputs": ["dihedrals", "distances"],
        "dihedrals": "bonded",
        "distances": "all",
    } | changes


def names(topology, found) -> list[str]:
    return ["-".join(topology.atom(atom).name for atom in atoms) for atoms in found]


def test_bonded_dihedrals_are_those_about_the_bonds_of_the_backbone(topology, atoms):
    found = find_dihedrals(topology, atoms, "bonded")
    assert sorted(names(topology, found)) == ["C-N-CA-C", "CA-C-N-C", "CH3-C-N-CA", "N-CA-C-N"]


def test_named_and_selected_dihedrals_are_found_once(topology, atoms):
    phi = ["resname ACE and name C", "resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]
    found = find_dihedrals(topology, atoms, ["phi", "psi", phi])
    assert names(topology, found) == ["C-N-CA-C", "N-CA-C-N"]


def test_all_pairs_and_pairs_of_a_selection(topology, atoms):
    assert len(find_pairs(topology, atoms, "all", "key")) == 21
    assert names(topology, find_pairs(topology, atoms, "resname ALA and name N CA C", "key")) == ["N-CA", "N-C", "CA-C"]
    pair = [["resname ACE and name CH3", "resname NME and name C"]]
    assert len(find_pairs(topology, atoms, pair, "key")) == 1


def test_features_count_atoms_within_those_that_the_network_sees(topology, atoms):
    features = find_features(topology, atoms, training())
    assert not features.positions
    assert features.dihedrals.max() < len(atoms)
    assert features.n_inputs(len(atoms)) == 2 * 4 + 21
    assert Features().n_inputs(7) == 21


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dihedrals": ["chi1"]}, "training.dihedrals names 'chi1'"),
        (
            {"dihedrals": [["name N", "name CA", "name C", "name CB"]]},
            r"dihedrals\[0\]\[0\] is 'name N', which matches 2",
        ),
        (
            {"dihedrals": [["name CB", "resname ALA and name CA", "resname ALA and name N", "resname ACE and name C"]]},
            "needs the atoms ALA2-CB, which training.atoms leaves out",
        ),
        ({"distances": "name CB HA"}, "training.distances needs the atoms"),
        ({"distances": "name CA"}, "training.distances is 'name CA', which selects one atom"),
        ({"dihedrals": ["phi", "chi1"]}, "training.dihedrals names 'chi1', and the structure has none"),
        ({"distances": "name XX"}, "training.distances is 'name XX'"),
        ({"distances": [["name CB", "name CB"]]}, "names an atom twice"),
    ],
)
def test_inputs_that_cannot_be_found_are_refused(topology, atoms, changes, message):
    with pytest.raises(InputError, match=message):
        find_features(topology, atoms, training(**changes))


def test_a_dihedral_across_two_molecules_is_refused(topology, alanine_pdb):
    twice = topology.join(topology)
    chains = ["chainid 0", "chainid 0", "chainid 1", "chainid 1"]
    selections = [f"{chain} and name {name}" for chain, name in zip(chains, ("CB", "HA", "HA", "CB"), strict=True)]
    with pytest.raises(InputError, match="runs across two molecules"):
        find_dihedrals(twice, np.arange(twice.n_atoms), [selections])

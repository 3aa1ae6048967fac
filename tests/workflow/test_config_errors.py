"""A faulty configuration is refused before any job, in one line that names the key and the remedy."""

import pytest

FAULTS = {
    "misspelt key": (
        {"training": {"n_cv": 2}},
        ("training.n_cv", "training.n_cvs"),
    ),
    "misspelt section": (
        {"explorations": {"n_rounds": 2}},
        ("explorations", "exploration?"),
    ),
    "wrong type": (
        {"exploration": {"n_rounds": "two"}},
        ("exploration.n_rounds", "'two'", "a whole number"),
    ),
    "out of range": (
        {"production": {"n_windows": 0}},
        ("production.n_windows", "0", "at least 2"),
    ),
    "not among the choices": (
        {"dynamics": {"platform": "GPU"}},
        ("dynamics.platform", "'GPU'", "CUDA"),
    ),
    "run name with a path separator": (
        {"run": "../elsewhere"},
        ("run is", "'../elsewhere'", "letter"),
    ),
    "missing structure": (
        {"system": {"structure": "config/structures/nowhere.pdb"}},
        ("system.structure", "'config/structures/nowhere.pdb'", "no such file", "give the path"),
    ),
    "two sources of the molecule": (
        {"system": {"sequence": "ACE ALA NME"}},
        ("system.structure and system.sequence", "give one"),
    ),
    "entry that cannot be fetched": (
        {"system": {"structure": None, "pdb_id": "0AAA"}},
        ("system.pdb_id", "'0AAA'"),
    ),
    "box smaller than twice the cut-off": (
        {"system": {"solvent": "tip3p", "box": {"padding_nm": 0.2}}},
        ("wide", "system.box.cutoff_nm 0.9", "raise system.box.padding_nm"),
    ),
    "unknown force field": (
        {"system": {"force_field": ["amber99.xml"]}},
        ("system.force_field", "'amber99.xml'", "give a path"),
    ),
    "selection of no atom": (
        {"training": {"atoms": "name XX"}},
        ("training.atoms", "'name XX'", "no atom", "atom names include"),
    ),
    "invalid selection": (
        {"training": {"atoms": "name name ("}},
        ("training.atoms", "'name name ('", "selection"),
    ),
    "two atoms to superpose": (
        {"training": {"outputs": [{"align": "resname ALA and name N CA"}]}},
        ("training.outputs[0].align", "2 atoms", "at least 3"),
    ),
    "distances only with alignment": (
        {"training": {"outputs": [{"kind": "distances"}]}},
        ("training.outputs", "distances only", "augmentation"),
    ),
    "distances of one atom": (
        {
            "training": {
                "outputs": [{"kind": "positions"}, {"kind": "distances", "distances": "resname ALA and name CA"}]
            }
        },
        ("training.outputs[1].distances", "one atom", "needs two"),
    ),
    "missing reference": (
        {"training": {"reference": "nowhere.pdb"}},
        ("training.reference", "'nowhere.pdb'", "no such file"),
    ),
    "kinds for fewer CVs": (
        {"training": {"n_cvs": 3, "cv_layer": ["linear", "circular"]}},
        ("training.cv_layer", "2 kinds", "n_cvs 3"),
    ),
    "dihedral of several atoms": (
        {"observables": {"phi": {"dihedral": ["name C", "name N", "name CA", "name CB"]}}},
        ("observables.phi.dihedral[0]", "'name C'", "exactly one"),
    ),
    "nothing to learn from": (
        {"seeding": {"n_replicas": 0}},
        ("seeding.n_replicas", "training.trajectories is empty", "give at least one"),
    ),
    "trajectory without a topology": (
        {"training": {"trajectories": [{"trajectory": "data.xtc"}]}},
        ("training.trajectories.0.topology", "is missing"),
    ),
    "unknown kind of observable": (
        {"observables": {"d": {"distanc": ["name CA", "name CB"]}}},
        ("observables.d.distanc", "observables.d.distance?"),
    ),
    "two kinds in one observable": (
        {"observables": {"phi": {"distance": ["name CA", "name CB"]}}},
        ("observables.phi", "dihedral and distance", "null"),
    ),
    "reference that is missing": (
        {"observables": {"r": {"rmsd": {"atoms": "name CA CB C", "reference": "nowhere.pdb"}}}},
        ("observables.r.rmsd.reference", "'nowhere.pdb'", "no such file"),
    ),
    "no native contacts": (
        {"observables": {"q": {"native_contacts": {}}}},
        ("observables.q.native_contacts", "0.45 nm", "more than 3 residues"),
    ),
    "state beyond 180 degrees": (
        {"free_energy": {"states": {"A": {"phi": [0, 270]}}}},
        ("free_energy.states.A.phi", "[0, 270]", "from -180 to 180 deg"),
    ),
    "unknown observable": (
        {"free_energy": {"surfaces": [["phi", "omega"]]}},
        ("free_energy.surfaces", "'omega'", "phi, psi"),
    ),
    "ramp longer than the window": (
        {"exploration": {"length_ps": 10, "ramp_ps": 10}},
        ("exploration.ramp_ps", "exploration.length_ps", "shorten the ramp"),
    ),
}


@pytest.mark.parametrize(("config", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_refused_in_one_line(project, config, words):
    error = project.refusal(config=config)
    assert all(word in error for word in words), error


def test_every_fault_has_a_line_of_its_own(project):
    result = project.snakemake("--dry-run", config={"training": {"n_cv": 2}, "exploration": {"n_rounds": 0}})
    assert result.returncode != 0
    assert (result.stdout + result.stderr).count("config error:") == 2


def test_a_real_run_refuses_a_fault_before_any_job(project):
    result = project.snakemake("--quiet", config={"exploration": {"n_rounds": 0}})
    assert result.returncode != 0
    assert "config error: exploration.n_rounds" in result.stdout + result.stderr
    assert not project.written()

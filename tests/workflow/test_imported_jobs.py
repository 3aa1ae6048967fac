"""Trajectories from elsewhere: what they add to the graph of jobs, and what is refused before any job."""

import mdtraj
import numpy as np
import pytest

ALONE = {"seeding": {"n_replicas": 0}, "baseline": {"n_replicas": 0}, "exploration": {"n_rounds": 2}}


@pytest.fixture(scope="module")
def data(tmp_path_factory, alanine_pdb):
    """A folder with trajectories of alanine dipeptide: alone, and with a water molecule."""
    folder = tmp_path_factory.mktemp("data")
    peptide = mdtraj.load(str(alanine_pdb))
    water = mdtraj.Topology()
    residue = water.add_residue("HOH", water.add_chain())
    for name in ("O", "H1", "H2"):
        water.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    xyz = np.concatenate([peptide.xyz, np.ones((1, 3, 3), np.float32)], axis=1)
    for name, trajectory in {
        "peptide": peptide,
        "solvated": mdtraj.Trajectory(xyz, peptide.topology.join(water)),
        "other": peptide.atom_slice(peptide.topology.select("not name CB")),
    }.items():
        trajectory.save(str(folder / f"{name}.xtc"))
        trajectory.save(str(folder / f"{name}.pdb"))
    return folder


@pytest.fixture
def with_data(data):
    """Make a configuration with one trajectory from elsewhere and no seed."""

    def make(trajectory: str = "peptide.xtc", topology: str = "peptide.pdb", **training) -> dict:
        item = {"trajectory": str(data / trajectory), "topology": str(data / topology)}
        return ALONE | {"training": {"trajectories": [item], "n_restarts": 3} | training}

    return make


def test_learning_simulates_nothing(project, with_data):
    assert project.count_jobs(with_data(), "learn") == {
        "prepare_system": 1,
        "align_trajectories": 1,
        "train_autoencoder": 3,
        "select_encoder": 1,
        "tabulate_learning": 1,
        "plot_learning": 1,
        "learn": 1,
    }


def test_trajectories_from_elsewhere_take_the_place_of_the_seed(project, with_data):
    alone = project.count_jobs(with_data())
    seeded = project.count_jobs(with_data() | {"seeding": {"n_replicas": 2}})
    assert "seed_unbiased" not in alone
    assert seeded == alone | {"seed_unbiased": 2}


def test_learning_is_content_with_the_training_atoms(project, with_data):
    assert project.count_jobs(with_data("solvated.xtc", "solvated.pdb"), "learn")["align_trajectories"] == 1
    assert project.count_jobs(with_data("other.xtc", "other.pdb"), "learn")["align_trajectories"] == 1


@pytest.mark.parametrize(
    ("files", "training", "words"),
    [
        (("solvated.xtc", "solvated.pdb"), {}, ("solvated.xtc", "25 atoms instead of the 22", "snakemake learn")),
        (("other.xtc", "other.pdb"), {}, ("other.xtc", "21 atoms instead of the 22", "snakemake learn")),
        (("solvated.xtc", "peptide.pdb"), {}, ("solvated.xtc", "22 atoms of", "give the topology")),
        (("solvated.pdb", "peptide.pdb"), {}, ("solvated.pdb", "25 atoms", "has 22", "give the topology")),
        (("nowhere.xtc", "peptide.pdb"), {}, ("training.trajectories", "nowhere.xtc", "no such file", "give the path")),
        (("other.xtc", "other.pdb"), {"atoms": "name CA CB N C"}, ("other.xtc", "'name CA CB N C'", "instead of the")),
    ],
    ids=["solvent", "an atom is missing", "other topology", "other PDB", "no file", "training atom is missing"],
)
def test_what_does_not_fit_is_refused_in_one_line(project, with_data, files, training, words):
    result = project.snakemake("--quiet", config=with_data(*files, **training))
    errors = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("config error:")]
    assert result.returncode != 0
    assert "Traceback" not in result.stdout + result.stderr
    assert len(errors) == 1
    assert all(word in errors[0] for word in words), errors[0]
    assert not project.written()

import networkx as nx
import numpy as np
import openmm
import pytest
from scipy.spatial.transform import Rotation

from mesaflow.alignment import superpose
from mesaflow.bias import HarmonicRestraint
from mesaflow.equilibration import settle
from mesaflow.exploration import run_batch
from mesaflow.periodic import Molecules
from mesaflow.simulation import Dynamics, Schedule, SimulationFailure, simulation_fingerprint
from mesaflow.solvent import Solvent, load_solvent
from mesaflow.systems import prepare, save_topology

N_SOLUTE = 22
BOX = {"shape": "dodecahedron", "padding_nm": 0.85, "cutoff_nm": 0.8, "ionic_strength_M": 0.0}
SYSTEM = {"force_field": ["amber99sb.xml"], "solvent": "tip3p", "constraints": "h_bonds", "box": BOX}
DYNAMICS = Dynamics(temperature=300, friction=1, timestep=0.002, platform="CPU")


@pytest.fixture(scope="module")
def system_and_solvent(alanine_pdb) -> tuple[openmm.System, Solvent]:
    """Alanine dipeptide in a small box of water whose energy is minimised."""
    structure, system = prepare(SYSTEM | {"structure": str(alanine_pdb)}, random_seed=1)
    solvent = Solvent.from_structure(structure.topology, structure.coordinates, system, N_SOLUTE)
    positions = settle(system, structure.coordinates, solvent.held, DYNAMICS, 0.0, random_seed=1)
    return system, Solvent.from_structure(structure.topology, positions, system, N_SOLUTE)


@pytest.fixture(scope="module")
def solvent(system_and_solvent) -> Solvent:
    return system_and_solvent[1]


@pytest.fixture(scope="module")
def other_conformation(solvent, topology) -> np.ndarray:
    """The conformation [nm] with φ turned by 140°, in another pose."""
    positions = solvent.positions[:N_SOLUTE].copy()
    n, ca = (topology.select(f"resname ALA and name {name}")[0] for name in ("N", "CA"))
    graph = topology.to_bondgraph()
    graph.remove_edge(topology.atom(n), topology.atom(ca))
    beyond = [atom.index for atom in nx.node_connected_component(graph, topology.atom(ca))]
    axis = (positions[ca] - positions[n]) / np.linalg.norm(positions[ca] - positions[n])
    turn = Rotation.from_rotvec(np.radians(140) * axis)
    positions[beyond] = turn.apply(positions[beyond] - positions[n]) + positions[n]
    return Rotation.random(rng=0).apply(positions) + [5.0, -3.0, 1.0]


@pytest.fixture(scope="module")
def torn(solvent) -> np.ndarray:
    """The solute [nm] with half of its atoms 0.5 nm away from the others, which is in the way of several molecules."""
    positions = solvent.positions[:N_SOLUTE].copy()
    positions[positions[:, 0] > positions[:, 0].mean(), 0] += 0.5
    return Rotation.random(rng=1).apply(positions)


def within_molecules(solvent: Solvent, positions: np.ndarray) -> np.ndarray:
    """Distances [nm] between the first two atoms, and the first and last, of each water molecule."""
    waters = [atoms for atoms in solvent.molecules.atoms[1:] if len(atoms) > 1]
    pairs = np.array([[(atoms[0], atoms[1]), (atoms[0], atoms[-1])] for atoms in waters]).reshape(-1, 2)
    return np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)


def test_an_equilibrated_solvent_has_no_contacts(solvent):
    assert len(solvent.molecules.atoms) > 300
    assert len(solvent.clashes(solvent.positions)) == 0


def test_contacts_are_found_across_the_box(solvent):
    positions = solvent.positions.copy()
    oxygen = solvent.molecules.atoms[10][0]
    positions[oxygen] = positions[4] + [0.1, 0, 0] + solvent.box.sum(axis=0)
    assert solvent.clashes(positions).tolist() == [oxygen]


def test_another_conformation_takes_the_place_of_the_equilibrated_one(solvent, torn):
    plain = solvent.molecules.gather(solvent.positions, around=solvent.positions[:N_SOLUTE].mean(axis=0))
    plain[:N_SOLUTE] = superpose(torn[None], solvent.positions[:N_SOLUTE])[0]
    plain[:N_SOLUTE] += solvent.positions[:N_SOLUTE].mean(axis=0)
    assert len(solvent.clashes(plain)) >= 2  # so that there is something to move
    positions = solvent.insert(torn)
    np.testing.assert_allclose(positions[:N_SOLUTE], plain[:N_SOLUTE], atol=1e-9)
    assert positions.shape == solvent.positions.shape
    assert len(solvent.clashes(positions)) == 0
    moved = np.linalg.norm(positions - plain, axis=1)[N_SOLUTE:] > 1e-9
    assert 0 < moved.sum() <= 3 * len(solvent.clashes(plain))
    np.testing.assert_allclose(
        within_molecules(solvent, positions), within_molecules(solvent, solvent.positions), atol=1e-9
    )
    np.testing.assert_array_equal(positions, solvent.insert(torn))


def test_molecules_in_the_way_do_not_land_on_others(solvent, torn):
    positions = solvent.insert(torn)
    oxygens = np.flatnonzero(solvent.is_heavy[N_SOLUTE:]) + N_SOLUTE
    images = np.concatenate([positions[oxygens] + np.array(t) @ solvent.box for t in np.ndindex(3, 3, 3)])
    images -= np.ones(3) @ solvent.box
    distances = np.linalg.norm(positions[oxygens][:, None] - images[None], axis=2)
    nearest = np.where(distances < 1e-6, np.inf, distances).min()
    assert nearest > 0.2


@pytest.mark.parametrize(("length", "fits"), [(1.6, True), (1.8, False)])
def test_a_conformation_that_meets_its_own_image_is_refused(length, fits):
    short, long = (np.linspace([0, 0, 0], [end, 0.1, 0], 5) for end in (1.0, length))
    molecules = Molecules((np.arange(5),), 2.0 * np.eye(3))
    solvent = Solvent(short, 5, np.ones(5, dtype=bool), molecules, molecules)
    if fits:
        assert solvent.insert(long).shape == (5, 3)
    else:
        with pytest.raises(SimulationFailure, match="within 0.2[0-9] nm of its own periodic image; a larger box"):
            solvent.insert(long)


def test_solvent_settles_alike_each_time(system_and_solvent, other_conformation):
    system, solvent = system_and_solvent
    one, again = (solvent.solvate(other_conformation, system, DYNAMICS, random_seed=1) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert len(solvent.clashes(one)) == 0


def test_windows_start_from_stored_frames_and_store_the_solute(
    system_and_solvent, other_conformation, random_encoder, tmp_path
):
    system, solvent = system_and_solvent
    atoms = np.array([1, 4, 6, 8, 14, 16, 18])
    encoder = random_encoder(atoms=atoms, reference=solvent.positions[atoms])
    (cvs,) = encoder.evaluate(other_conformation[atoms][None])
    row = {"window": 0, "force_constant": 50.0, "random_seed": 5, "center_1": cvs[0], "center_2": cvs[1]}
    batch = run_batch(
        system,
        encoder,
        [row],
        [other_conformation],
        DYNAMICS,
        Schedule(n_frames=3, steps_per_frame=20, frames_per_block=2, ramp_steps=20),
        max_attempts=1,
        restart_folder=lambda window, key: tmp_path / key,
        solvent=solvent,
    )
    (status,) = batch.statuses
    assert status["outcome"] == "finished", status
    assert batch.positions.shape == (3, N_SOLUTE, 3)
    first = superpose(batch.positions[:1], other_conformation)[0]
    deviation = first - (other_conformation - other_conformation.mean(axis=0))
    assert np.sqrt((deviation**2).sum(axis=1).mean()) < 0.08  # nm: thermal motion, no explosion
    cvs = np.stack([batch.samples["cv_1"], batch.samples["cv_2"]], axis=1)
    np.testing.assert_allclose(cvs, encoder.evaluate(batch.positions[:, atoms]), atol=1e-4)


def test_the_solvent_is_part_of_what_determines_a_simulation(system_and_solvent, other_conformation):
    system, solvent = system_and_solvent
    schedule = Schedule(n_frames=1, steps_per_frame=1, frames_per_block=1)

    def key(solvent: Solvent | None) -> str:
        return simulation_fingerprint(system, other_conformation, DYNAMICS, schedule, 1, solvent=solvent)

    elsewhere = Solvent(
        solvent.positions + 0.1, N_SOLUTE, solvent.is_heavy, solvent.solute, solvent.molecules, solvent.settling
    )
    assert len({key(None), key(solvent), key(elsewhere)}) == 3


def test_a_solvent_is_read_from_files_where_there_is_one(system_and_solvent, alanine_pdb, tmp_path):
    system, solvent = system_and_solvent
    structure, _ = prepare(SYSTEM | {"structure": str(alanine_pdb)}, random_seed=1)
    save_topology(tmp_path / "solvated.pdb", structure.topology, solvent.positions)
    files = {"topology": str(alanine_pdb), "solvated": str(tmp_path / "solvated.pdb")}
    loaded = load_solvent(files, system)
    np.testing.assert_allclose(loaded.positions, solvent.positions, atol=6e-5)
    assert loaded.n_solute == N_SOLUTE
    assert load_solvent({"topology": str(alanine_pdb)}, system) is None


def test_the_molecules_of_a_solute_are_stored_next_to_one_another():
    box = 3.0 * np.eye(3)
    dimer = Molecules((np.array([0, 1]), np.array([2, 3])), box)
    water = Molecules((np.array([0, 1]), np.array([2, 3]), np.array([4])), box)
    solute = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.5, 0, 0], [0.6, 0, 0]])
    solvent = Solvent(np.vstack([solute, [[1, 1, 1]]]), 4, np.ones(5, dtype=bool), dimer, water)
    drifted = solvent.positions + np.array([[0, 0, 0]] * 2 + [[3.0, -6.0, 0]] * 2 + [[0, 0, 0]])
    np.testing.assert_allclose(solvent.take_solute(drifted), solute, atol=1e-12)


def test_a_restraint_does_not_feel_which_image_of_a_molecule_it_sees(random_encoder):
    encoder = random_encoder(n_atoms=4)
    molecules = Molecules((np.array([0, 1]), np.array([2, 3])), 3.0 * np.eye(3))
    restraint = HarmonicRestraint(encoder, np.array([0.3, -0.2]), 10.0, molecules)
    positions = np.random.default_rng(0).normal(scale=0.2, size=(4, 3))
    drifted = positions + np.array([[0, 0, 0]] * 2 + [[3.0, -6.0, 0]] * 2)
    for one, other in zip(restraint.evaluate(positions), restraint.evaluate(drifted), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-9)
    plain = HarmonicRestraint(encoder, np.array([0.3, -0.2]), 10.0)
    assert abs(plain.evaluate(drifted)[0] - plain.evaluate(positions)[0]) > 0.1

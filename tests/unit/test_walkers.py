"""Walkers on a butane-like chain whose torsion has a known free energy, along a circular collective variable."""

import numpy as np
import openmm
import pandas as pd
import pytest

from mesaflow.diagnostics import judge_walkers
from mesaflow.encoder import Encoder
from mesaflow.errors import InputError
from mesaflow.estimation import Estimate
from mesaflow.exploration import Batch, run_batch
from mesaflow.features import Features
from mesaflow.opes import OpesPotential, OpesSettings
from mesaflow.reweighting import estimate_weights
from mesaflow.simulation import Dynamics, Schedule
from mesaflow.units import thermal_energy
from mesaflow.walkers import (
    Walkers,
    compare_walkers,
    count_crossings,
    estimate_from_walkers,
    rebuild_biases,
    widen,
)
from mesaflow.windows import place_walkers

TEMPERATURE = 300.0
RT = thermal_energy(TEMPERATURE)
DYNAMICS = Dynamics(TEMPERATURE, friction=2.0, timestep=0.004, platform="Reference")
PACE, BUILD = 0.2, 80.0
TORSION = "12*(1 - cos(2*theta)) + 2.5*(1 + cos(theta))"  # minima at 0 and 180°, across the end of the circle
STATES = {
    "states": {"trans": {"phi": [90, -90]}, "cis": {"phi": [-90, 90]}},
    "reference_state": "trans",
    "n_bootstrap": 40,
}
TRANS = np.array([[0.0, 0.1, 0], [0.1, 0, 0], [0.25, 0, 0], [0.35, -0.1, 0]])


def torsion_energy(phi: np.ndarray) -> np.ndarray:
    return 12 * (1 - np.cos(2 * phi)) + 2.5 * (1 + np.cos(phi))


def exact_difference() -> float:
    """The free energy [kJ/mol] of cis against trans; lengths and angles do not depend on the torsion."""
    phi = np.linspace(-np.pi, np.pi, 20_000, endpoint=False)
    probabilities = np.exp(-torsion_energy(phi) / RT)
    cis = np.abs(phi) < np.pi / 2
    return -RT * np.log(probabilities[cis].sum() / probabilities[~cis].sum())


def chain() -> openmm.System:
    system = openmm.System()
    bonds, angles, torsion = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce(), openmm.CustomTorsionForce(TORSION)
    for atom in range(4):
        system.addParticle(40.0)
        if atom < 3:
            bonds.addBond(atom, atom + 1, 0.15, 5e4)
        if atom < 2:
            angles.addAngle(atom, atom + 1, atom + 2, 2.0, 300.0)
    torsion.addTorsion(0, 1, 2, 3)
    for force in (bonds, angles, torsion):
        system.addForce(force)
    return system


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """One circular CV, which is the torsion."""
    features = Features(False, dihedrals=np.array([[0, 1, 2, 3]]))
    reference = (TRANS - TRANS.mean(axis=0))[None]
    return Encoder(np.arange(4), 1.0, reference, False, (np.eye(2),), (np.zeros(2),), "tanh", ("circular",), features)


def cis() -> np.ndarray:
    turned = TRANS.copy()
    turned[3, 1] *= -1
    return turned


def walk(encoder: Encoder, folder, length: float, build: float, barrier: float, n_walkers: int = 3) -> Batch:
    schedule = Schedule(round(length / PACE), DYNAMICS.steps(PACE), frames_per_block=1000)
    return run_batch(
        chain(),
        encoder,
        [{"window": k, "random_seed": 10 + k} for k in range(n_walkers)],
        [(TRANS, cis())[k % 2] for k in range(n_walkers)],
        DYNAMICS,
        schedule,
        max_attempts=2,
        restart_folder=lambda window, key: folder / f"{window}-{key}",
        opes=OpesSettings(barrier, 0.2, round(build / PACE)),
    )


def estimate(batch: Batch, encoder: Encoder, build: float) -> Estimate:
    opes = {"barrier_kJ_per_mol": 999.0, "width": 0.2, "build_ps": build, "pace_ps": PACE}  # that of a status counts
    samples = pd.DataFrame(batch.samples)
    walkers = rebuild_biases(samples, batch.statuses, opes, encoder, TEMPERATURE)
    observables = samples[["cv_1"]].rename(columns={"cv_1": "phi"})
    return estimate_from_walkers(samples, observables, walkers, STATES, TEMPERATURE, build, random_seed=1)


@pytest.fixture(scope="module")
def batch(encoder, tmp_path_factory) -> Batch:
    return walk(encoder, tmp_path_factory.mktemp("walkers"), length=400.0, build=BUILD, barrier=30.0)


@pytest.fixture(scope="module")
def samples(batch) -> pd.DataFrame:
    return pd.DataFrame(batch.samples)


@pytest.fixture(scope="module")
def found(batch, encoder) -> Estimate:
    return estimate(batch, encoder, BUILD)


def test_a_known_difference_is_found_within_its_error(found):
    free_energy, error = found.states["cis"]
    assert exact_difference() == pytest.approx(5.0, abs=0.2)
    assert abs(free_energy - exact_difference()) < 3 * error
    assert 0.05 < error < 1.0


def test_each_walker_alone_finds_it_too(found):
    alone = found.diagnostics["walkers"]["cis"]
    assert alone["numbers"] == [0, 1, 2]
    for free_energy, error in zip(alone["free_energies_kJ_per_mol"], alone["standard_errors_kJ_per_mol"], strict=True):
        assert abs(free_energy - exact_difference()) < 4 * error
    assert alone["spread_in_errors"] < 2
    assert min(alone["crossings"]) > 5


def test_walkers_that_cross_are_trusted(found):
    assert judge_walkers(found.diagnostics | {"n_failed_windows": 0}) == ("trustworthy", [])


def test_walkers_that_were_too_short_are_not_trusted(encoder, tmp_path):
    short = walk(encoder, tmp_path, length=12.0, build=2.0, barrier=5.0, n_walkers=2)
    verdict, reasons = judge_walkers(estimate(short, encoder, 2.0).diagnostics | {"n_failed_windows": 0})
    assert verdict == "not yet"
    assert "walkers 0, 1 never crossed between trans and cis" in reasons[0]
    assert any("cannot be compared (" in reason for reason in reasons)


def test_samples_are_recorded_as_those_of_windows(batch, samples):
    assert list(samples.columns) == ["window", "time_ps", "cv_1", "bias_kJ_per_mol"]
    assert [status["barrier_kJ_per_mol"] for status in batch.statuses] == [30.0] * 3
    assert samples.groupby("window").size().tolist() == [2000] * 3
    assert samples["bias_kJ_per_mol"].iloc[0] == pytest.approx(-30)


def test_biases_that_were_rebuilt_are_those_that_acted(batch, samples, encoder):
    opes = {"width": 0.2, "build_ps": BUILD, "pace_ps": PACE}
    walkers = rebuild_biases(samples, batch.statuses, opes, encoder, TEMPERATURE)
    for k in range(3):
        static = samples[(samples["window"] == k) & (samples["time_ps"] > BUILD)]
        reduced = walkers.select(walkers.windows == k).reduced_potentials(static[["cv_1"]].to_numpy(), TEMPERATURE)
        np.testing.assert_allclose(RT * reduced[0], static["bias_kJ_per_mol"], rtol=1e-9, atol=1e-9)


def test_a_walker_that_failed_is_left_out(batch, samples, encoder):
    opes = {"width": 0.2, "build_ps": BUILD, "pace_ps": PACE}
    statuses = [batch.statuses[0], batch.statuses[1] | {"outcome": "failed"}, batch.statuses[2]]
    assert rebuild_biases(samples, statuses, opes, encoder, TEMPERATURE).windows.tolist() == [0, 2]
    with pytest.raises(InputError, match="no walker has finished; .* lower production.opes.barrier_kJ_per_mol"):
        rebuild_biases(samples, statuses[1:2], opes, encoder, TEMPERATURE)


def test_different_biases_along_two_cvs_combine_to_the_truth():
    """Independent samples of a double well in two dimensions, each half under another static bias."""
    rng = np.random.default_rng(5)
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-1.8, 1.8, 91), np.linspace(-1.2, 1.2, 61)))
    grid = np.column_stack([x, y])
    energy = 20 * (x**2 - 1) ** 2 + 3 * x + 15 * y**2
    potentials, tables = [], []
    for window, height in enumerate((25.0, 35.0)):
        potential = OpesPotential(OpesSettings(height, 0.15, 1000), np.full(2, np.inf), TEMPERATURE)
        while not potential.is_static:
            drawn = rng.choice(len(grid), size=20, p=boltzmann(energy + potential.energies(grid)))
            for point in grid[drawn]:
                potential.deposit(point)
        chosen = rng.choice(len(grid), size=3000, p=boltzmann(energy + potential.energies(grid)))
        tables.append(pd.DataFrame({"window": window, "cv_1": x[chosen], "cv_2": y[chosen]}))
        potentials.append(potential)
    samples = pd.concat(tables, ignore_index=True)
    walkers = Walkers(np.arange(2), tuple(potentials))
    weights = estimate_weights(samples, np.arange(6000), walkers, TEMPERATURE, 40, 1, n_blocks=10)
    right = (samples["cv_1"] > 0).to_numpy()
    estimates = [-RT * np.log(w[right].sum() / w[~right].sum()) for w in (weights.weights, *weights.bootstrap)]
    exact = -RT * np.log(boltzmann(energy)[x > 0].sum() / boltzmann(energy)[x < 0].sum())
    error = np.std(estimates[1:], ddof=1)
    assert exact == pytest.approx(6.0, abs=0.2)
    assert abs(estimates[0] - exact) < 3 * error < 1.5


def boltzmann(energy: np.ndarray) -> np.ndarray:
    probabilities = np.exp(-(energy - energy.min()) / RT)
    return probabilities / probabilities.sum()


def test_walkers_start_in_the_most_distinct_minima():
    cvs = np.array([[-3.1], [-2.9], [3.0], [0.0], [0.2], [-0.2], [1.5]])
    energies = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 6.5, 30.0])
    windows = place_walkers(cvs, np.array([2 * np.pi]), energies, 3)
    assert [window.start_frame for window in windows] == [0, 3, 6]
    assert [window.force_constant for window in windows] == [0.0] * 3
    np.testing.assert_array_equal(windows[1].center, [0.0])
    again = place_walkers(cvs[:2], np.array([2 * np.pi]), energies[:2], 5)
    assert [window.start_frame for window in again] == [0] * 5, "the other frame lies on the slope"


def test_crossings_are_counted_from_core_to_core():
    """States A, B and C in A; the last sample of each walker's A or C has a weight that is no core."""
    walker = np.array([0] * 8 + [1] * 4)
    places = np.array(list("ABBACABAAAAC"))
    members = {"A": (places == "A") | (places == "C"), "B": places == "B", "C": places == "C"}
    weights = np.where(places == "B", 0.01, 1.0)
    assert count_crossings(walker, members, "A", weights) == {"B": [4, 0], "C": [2, 1]}
    weights[6] = 1e-4  # the second visit to B turns on the barrier
    assert count_crossings(walker, members, "A", weights)["B"] == [2, 0]
    assert count_crossings(walker, members | {"D": np.zeros(12, dtype=bool)}, "A", weights)["D"] == [0, 0]


@pytest.mark.parametrize(("error", "expected"), [(0.2, 0.5), (0.7, 0.7)])
def test_the_spread_of_the_walkers_is_the_least_error(error, expected):
    assert widen(5.0, error, [4.5, 5.5]) == (5.0, pytest.approx(expected))
    assert np.isnan(widen(5.0, error, [4.5, np.nan])[1])
    assert np.isnan(widen(5.0, error, [4.5])[1])


def test_walkers_are_compared_by_their_errors():
    found = compare_walkers([1.0, 3.0], [1.0, 1.0])
    assert found["spread_in_errors"] == pytest.approx(np.sqrt(2))
    assert compare_walkers([1.0, np.nan], [1.0, np.nan]) == {
        "free_energies_kJ_per_mol": [1.0, None],
        "standard_errors_kJ_per_mol": [1.0, None],
        "spread_in_errors": None,
    }


SOUND = {
    "n_failed_windows": 0,
    "reference_state": "A",
    "walkers": {
        "B": {
            "numbers": [0, 1],
            "crossings": [10, 10],
            "free_energies_kJ_per_mol": [1.0, 2.0],
            "standard_errors_kJ_per_mol": [1.0, 1.0],
            "spread_in_errors": 2.0,
        }
    },
    "states": {},
}


def with_walkers(**changes) -> dict:
    return SOUND | {"walkers": {"B": SOUND["walkers"]["B"] | changes}}


@pytest.mark.parametrize(
    ("diagnostics", "words"),
    [
        (SOUND | {"n_failed_windows": 1}, ["1 walkers failed", "lower production.opes.barrier_kJ_per_mol"]),
        (with_walkers(crossings=[30, 0]), ["walkers 1 never crossed between A and B", "build_ps"]),
        (with_walkers(crossings=[10, 9]), ["crossed only 19 times between A and B, fewer than 20", "length_ps"]),
        (with_walkers(spread_in_errors=2.1), ["B", "differ by 2.1 times their standard errors (1.0, 2.0 kJ/mol)"]),
        (with_walkers(spread_in_errors=None), ["cannot be compared"]),
    ],
)
def test_each_fault_of_walkers_gives_one_reason_with_a_remedy(diagnostics, words):
    assert judge_walkers(SOUND) == ("trustworthy", [])
    verdict, reasons = judge_walkers(diagnostics)
    assert verdict == "not yet"
    (reason,) = reasons
    assert all(word in reason for word in words)

import copy

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from mesaflow.diagnostics import (
    FEWEST_EFFECTIVE_SAMPLES,
    LARGEST_ERROR,
    LARGEST_SPLIT_DIFFERENCE,
    NEGLIGIBLE_ENERGY,
    Conformations,
    are_apart,
    effective_samples,
    find_connected_parts,
    find_hidden_barriers,
    find_soft_windows,
    is_bimodal,
    judge,
    note_left_out,
)
from mesaflow.reweighting import Restraints, Weights
from mesaflow.units import thermal_energy

N_FRAMES = 400
SOUND = {
    "n_windows": 9,
    "n_failed_windows": 0,
    "windows_left_out": [],
    "lowest_energy_left_out_RT": None,
    "negligible_energy_RT": NEGLIGIBLE_ENERGY,
    "bimodal_windows": [],
    "soft_windows": [],
    "windows_apart": [],
    "states": {
        "A": {"effective_samples": 500.0, "standard_error_kJ_per_mol": 0.0, "split_half_difference_in_errors": 0.0},
        "B": {"effective_samples": 50.0, "standard_error_kJ_per_mol": 1.5, "split_half_difference_in_errors": 2.5},
    },
}


def frames(modes: np.ndarray, distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Six coordinates with unit noise, one of which is shifted in the frames of mode 1, and two CVs of the others."""
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(len(modes), 6))
    cvs = coordinates[:, :2] @ [[1.0, 0.3], [-0.2, 1.0]]
    coordinates[:, 5] += distance * modes
    return coordinates, cvs


def modes_with_crossings(n_crossings: int) -> np.ndarray:
    return (np.arange(N_FRAMES) * (n_crossings + 1) // N_FRAMES) % 2


@pytest.mark.parametrize("n_crossings", [1, 2, 5])
def test_two_modes_with_few_crossings_are_flagged(n_crossings):
    assert is_bimodal(*frames(modes_with_crossings(n_crossings), 10))


@pytest.mark.parametrize("n_crossings", [6, 20, 200])
def test_two_modes_with_many_crossings_are_sampled(n_crossings):
    assert not is_bimodal(*frames(modes_with_crossings(n_crossings), 10))


@pytest.mark.parametrize("n_pieces", [2, 20])
def test_from_one_piece_to_the_next_is_no_crossing(n_pieces):
    pieces = np.repeat(np.arange(n_pieces), N_FRAMES // n_pieces)
    coordinates, cvs = frames(pieces % 2, 10)
    assert is_bimodal(coordinates, cvs, pieces)
    assert is_bimodal(coordinates, cvs) == (n_pieces == 2)


@pytest.mark.parametrize("seed", range(10))
def test_one_gaussian_is_not_flagged(seed):
    assert not is_bimodal(*frames(np.zeros(N_FRAMES), 0, seed))


def test_a_stretched_gaussian_is_not_flagged():
    coordinates, cvs = frames(np.zeros(N_FRAMES), 0)
    coordinates[:, 5] *= 20
    assert not is_bimodal(coordinates, cvs)


@pytest.mark.parametrize("distance", [10, 10_000])
def test_a_slow_drift_is_not_flagged(distance):
    coordinates, _ = frames(np.zeros(N_FRAMES), 0)
    coordinates[:, 5] += np.linspace(0, distance, N_FRAMES)
    alternating = np.tile([[1.0], [-1.0]], (N_FRAMES // 2, 1))
    assert not is_bimodal(coordinates, alternating)


def test_modes_that_the_cvs_tell_apart_are_not_flagged():
    modes = modes_with_crossings(1)
    coordinates, cvs = frames(modes, 10)
    assert not is_bimodal(coordinates, np.column_stack([cvs, coordinates[:, 5]]))


def test_a_short_excursion_is_not_flagged():
    modes = np.zeros(N_FRAMES)
    modes[100:115] = 1
    assert not is_bimodal(*frames(modes, 10))


def test_clustering_does_not_depend_on_chance():
    coordinates, cvs = frames(modes_with_crossings(3), 10)
    assert {is_bimodal(coordinates, cvs, random_seed=seed) for seed in range(20)} == {True}


def conformations(labels, distance, seed):
    return Conformations.of(frames(labels, distance, seed)[0])


def test_windows_with_different_conformations_are_apart():
    assert are_apart(conformations(np.zeros(200), 0, 1), conformations(np.ones(200), 10, 2))


@pytest.mark.parametrize("seed", range(5))
def test_windows_with_the_same_conformations_are_not_apart(seed):
    assert not are_apart(conformations(np.zeros(200), 0, seed), conformations(np.zeros(200), 0, seed + 100))


def test_windows_that_are_shifted_but_touch_are_not_apart():
    assert not are_apart(conformations(np.zeros(200), 0, 1), conformations(np.ones(200), 1.5, 2))


def test_hidden_barriers_are_looked_for_in_sampled_overlapping_windows_after_the_ramp():
    parts = {
        2: frames(np.zeros(N_FRAMES), 0, 1),
        5: frames(modes_with_crossings(1), 10, 2),
        7: frames(np.ones(N_FRAMES), 10, 3),
    }
    ramp = {9: frames(modes_with_crossings(1), 10, 4)}
    tables, coordinates = [], []
    for window, (part, cvs) in (parts | ramp).items():
        late = window != 9
        times = np.arange(N_FRAMES) + (1.0 if late else -N_FRAMES)
        tables.append(pd.DataFrame({"window": window, "time_ps": times, "cv_1": cvs[:, 0], "cv_2": cvs[:, 1]}))
        coordinates.append(part)
    overlap = np.array([[0.8, 0.0, 0.2], [0.0, 0.8, 0.02], [0.2, 0.02, 0.8]])
    weights = Weights(
        rows=np.arange(0),
        weights=np.ones(0),
        bootstrap=np.ones((0, 0)),
        free_energies=np.zeros(3),
        shared=overlap * N_FRAMES,
        responsibilities=csr_array((0, 3)),
        windows=np.array([2, 5, 7]),
        n_samples_per_state=np.full(3, N_FRAMES),
        equations=None,
    )
    samples = pd.concat(tables, ignore_index=True)
    bimodal, apart = find_hidden_barriers(samples, np.concatenate(coordinates), weights, discard=0.0)
    assert bimodal == [5]
    assert apart == [(2, 7)]
    in_pieces = samples.assign(piece=np.repeat(np.arange(len(samples) // 20), 20))
    assert find_hidden_barriers(in_pieces, np.concatenate(coordinates), weights, discard=0.0) == ([5], [(2, 7)])


@pytest.mark.parametrize("longer", [0, 1])
def test_an_overlap_in_either_direction_is_looked_at(longer):
    """As connects windows, one of which has so many samples that the other shares few of them."""
    parts = [frames(np.full(N_FRAMES, mode), 10, mode) for mode in (0, 1)]
    tables = [
        pd.DataFrame({"window": window, "time_ps": np.arange(1.0, N_FRAMES + 1), "cv_1": cvs[:, 0], "cv_2": cvs[:, 1]})
        for window, (_, cvs) in enumerate(parts)
    ]
    n_samples = np.where(np.arange(2) == longer, 1800, 90)
    weights = Weights(
        rows=np.arange(0),
        weights=np.ones(0),
        bootstrap=np.ones((0, 0)),
        free_energies=np.zeros(2),
        shared=np.diag(n_samples - 5.0) + 5 * (1 - np.eye(2)),
        responsibilities=csr_array((0, 2)),
        windows=np.arange(2),
        n_samples_per_state=n_samples,
        equations=None,
    )
    coordinates = np.concatenate([part for part, _ in parts])
    assert find_hidden_barriers(pd.concat(tables, ignore_index=True), coordinates, weights, 0.0)[1] == [(0, 1)]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([0.25] * 4, 4), ([1, 0, 0, 0], 1), ([0.5, 0.25, 0.25], 1 / 0.375), ([2, 2], 2), ([], 0), ([0, 0], 0)],
)
def test_effective_samples_by_hand(weights, expected):
    assert effective_samples(np.array(weights, dtype=float)) == pytest.approx(expected)


@pytest.mark.parametrize(("between", "second"), [(0.1, 0), (0.031, 0), (0.03, 1), (0.0, 1)])
def test_windows_are_connected_by_overlap(between, second):
    overlap = np.array([[0.7, 0.3, 0, 0], [0.3, 0.6, between, 0], [0, between, 0.6, 0.3], [0, 0, 0.3, 0.7]])
    assert find_connected_parts(overlap).tolist() == [0, 0, second, second]


def test_an_overlap_of_windows_that_are_apart_connects_nothing():
    overlap = np.full((3, 3), 1 / 3)
    assert find_connected_parts(overlap, [(0, 1), (0, 2)]).tolist() == [0, 1, 1]


def test_windows_that_overlap_with_none_are_parts_of_their_own():
    assert find_connected_parts(np.eye(3)).tolist() == [0, 1, 2]
    assert find_connected_parts(np.ones((1, 1))).tolist() == [0]


def changed(**changes) -> dict:
    return copy.deepcopy(SOUND) | changes


def with_state(**changes) -> dict:
    diagnostics = copy.deepcopy(SOUND)
    diagnostics["states"]["B"] |= changes
    return diagnostics


def test_sound_diagnostics_up_to_every_bound_are_trustworthy():
    limits = {"effective_samples": FEWEST_EFFECTIVE_SAMPLES, "standard_error_kJ_per_mol": LARGEST_ERROR}
    limits |= {"split_half_difference_in_errors": LARGEST_SPLIT_DIFFERENCE}
    assert SOUND["states"]["B"] == limits
    assert judge(SOUND) == ("trustworthy", [])


@pytest.mark.parametrize(
    ("diagnostics", "words"),
    [
        (changed(n_failed_windows=3), ["3 windows failed", "lower the force constants"]),
        (
            changed(windows_left_out=[3, 4], lowest_energy_left_out_RT=4.9),
            ["2 of 9 windows do not overlap with those around the start structure", "4.9 RT", "production.n_windows"],
        ),
        (changed(bimodal_windows=[4, 8]), ["windows 4, 8 hold two conformations", "raise production.n_cvs"]),
        (changed(bimodal_windows=list(range(12))), ["windows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more hold"]),
        (changed(soft_windows=[3]), ["windows 3 spread over more than 2 times", "raise production.n_windows"]),
        (changed(windows_apart=[[1, 2], [4, 7]]), ["the pairs 1–2, 4–7 overlap", "raise production.n_cvs"]),
        (changed(states={}), ["no states are defined", "name two under free_energy.states"]),
        (
            changed(windows_left_out=[3], lowest_energy_left_out_RT=8.9, negligible_energy_RT=9.0),
            ["1 of 9 windows do not overlap", "8.9 RT"],
        ),
        (
            changed(windows_left_out=[0, 1, 3, 4, 5], lowest_energy_left_out_RT=50.0),
            ["5 of 9 windows do not overlap", "50.0 RT", "production.n_windows"],
        ),
        (with_state(effective_samples=49.4), ["state B has 49 effective samples, fewer than 50"]),
        (with_state(standard_error_kJ_per_mol=1.6), ["standard error of B is 1.6 kJ/mol, above 1.5", "lengthen"]),
        (with_state(standard_error_kJ_per_mol=None), ["standard error of B is unknown, above 1.5"]),
        (with_state(split_half_difference_in_errors=2.6), ["differ by 2.6 standard errors in B; lengthen"]),
        (
            with_state(effective_samples=0.0, windows_to_extend=[]),
            ["state B has 0 effective samples", "raise exploration.n_rounds"],
        ),
        (
            with_state(standard_error_kJ_per_mol=1.6, windows_to_extend=[7, 3]),
            ["above 1.5 kJ/mol; raise production.extend_ns (it hangs most on windows 7, 3)"],
        ),
        (with_state(split_half_difference_in_errors=None), ["halves of the data cannot be compared in B"]),
    ],
)
def test_each_fault_gives_one_reason_with_a_remedy(diagnostics, words):
    verdict, reasons = judge(diagnostics)
    assert verdict == "not yet"
    (reason,) = reasons
    assert all(word in reason for word in words)


def test_windows_of_high_energy_may_be_left_out():
    diagnostics = changed(windows_left_out=[3, 4, 5, 6], lowest_energy_left_out_RT=5.1)
    assert judge(diagnostics) == ("trustworthy", [])
    (note,) = note_left_out(diagnostics)
    assert "4 windows" in note and "5.1 RT" in note
    assert note_left_out(SOUND) == note_left_out(changed(windows_left_out=[1], lowest_energy_left_out_RT=1.0)) == []


def test_every_fault_is_told():
    diagnostics = with_state(effective_samples=1.0, standard_error_kJ_per_mol=9.0) | {"n_failed_windows": 1}
    assert len(judge(diagnostics)[1]) == 3


@pytest.mark.parametrize(("curvature", "expected"), [(40.0, []), (0.0, []), (-40.0, []), (-70.0, [4])])
def test_a_window_on_a_barrier_as_steep_as_its_restraint_is_soft(curvature, expected):
    """κ = 80: with F″ = −70 the variance is 8 times that of a free window, with −40 twice."""
    rng = np.random.default_rng(0)
    width = np.sqrt(thermal_energy(300) / (80 + curvature))
    table = pd.DataFrame({"window": 4, "time_ps": np.arange(1.0, 501), "cv_1": width * rng.normal(size=500)})
    table["cv_2"] = np.sqrt(thermal_energy(300) / 80) * rng.normal(size=500)
    table.loc[table["time_ps"] <= 5, "cv_1"] = 9.0  # the ramp
    restraints = Restraints(np.array([4]), np.zeros((1, 2)), np.array([80.0]), np.full(2, np.inf))
    assert find_soft_windows(table, restraints, 300.0, discard=5.0) == expected

import numpy as np
import pandas as pd
import pytest

from mesaflow.convergence import (
    CVS,
    Criteria,
    Evidence,
    agreement_of,
    count_cells,
    growth_exponent,
    judge,
    lost_windows,
    tabulate_evidence,
)
from mesaflow.encoder import Encoder

CRITERIA = Criteria(growth=0.3, correlation=0.9, lost=0.25, n_rounds=2)
MET = Evidence({"phi_psi": 0.1, CVS: 0.2}, agreement=0.99, agreement_mean=0.995, lost_fraction=0.1)
N_ATOMS = 3
FRAMES = np.random.default_rng(0).normal(size=(500, N_ATOMS, 3))
LINEAR = np.array([np.inf, np.inf])


def encoder(weights: np.ndarray, cv_kinds: tuple[str, ...]) -> Encoder:
    """Return an encoder that maps the centred coordinates linearly."""
    return Encoder(
        atoms=np.arange(N_ATOMS),
        scale=1.0,
        references=np.zeros((1, N_ATOMS, 3)),
        superposes=False,
        weights=(weights,),
        biases=(np.zeros(len(weights)),),
        activation="tanh",
        cv_kinds=cv_kinds,
    )


def random_weights(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3 * N_ATOMS))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_growth_is_the_power_of_the_number_of_frames(power):
    frames = np.array([1000, 2500])
    before, after = 7.0 * frames**power
    assert growth_exponent(before, after, *frames) == pytest.approx(power)


def test_growth_does_not_depend_on_how_long_a_round_is():
    frames = np.array([1000, 1500, 3000])
    bins = 10 * frames**0.4
    short, long = (growth_exponent(bins[0], bins[i], frames[0], frames[i]) for i in (1, 2))
    assert short == pytest.approx(long)


def test_growth_from_nothing_or_without_new_frames_cannot_be_told():
    assert growth_exponent(0, 5, 10, 20) is None
    assert growth_exponent(5, 5, 20, 20) is None
    assert growth_exponent(5, 5, 0, 20) is None


def test_cells_are_counted_in_every_pair_of_cvs():
    old = np.array([[-1.0, -1.0], [1.0, 1.0]])  # means 0, standard deviations 1
    inside, beside = np.array([[1.01, 1.01]]), np.array([[1.01, 1.6]])
    assert count_cells(old, inside, LINEAR) == (2, 2)
    assert count_cells(old, beside, LINEAR) == (2, 3)
    three = np.column_stack([old, old[:, 0]])
    assert count_cells(three, np.array([[1.01, 1.6, 1.01]]), np.full(3, np.inf)) == (
        6,
        8,
    )  # CV 2 is in two of three pairs
    assert count_cells(old[:, :1], np.array([[3.0]]), LINEAR[:1]) == (2, 3)


def test_cells_of_circular_cvs_have_no_ends():
    old = np.array([[-3.0], [0.0], [3.0]])
    new = old + 2 * np.pi * np.array([[1.0], [-2.0], [3.0]])
    assert count_cells(old, new, np.array([2 * np.pi])) == (3, 3)


@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_a_rotated_latent_agrees_fully(angle):
    weights = random_weights(1, 2)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    kinds = ("linear", "linear")
    agreement = agreement_of(encoder(weights, kinds), encoder(rotation @ weights * 3.0, kinds), FRAMES)
    np.testing.assert_allclose(agreement, (1, 1))


def test_circular_cvs_agree_whatever_their_sense():
    weights = random_weights(1, 2)
    turned = np.diag([1.0, -1.0]) @ weights
    agreement = agreement_of(encoder(weights, ("circular",)), encoder(turned, ("circular",)), FRAMES)
    np.testing.assert_allclose(agreement, (1, 1))


def test_a_latent_that_shares_one_direction_of_two_agrees_in_the_mean_only():
    first, second = random_weights(1, 2), random_weights(2, 2)
    second[0] = first[1]
    smallest, mean = agreement_of(encoder(first, ("linear",) * 2), encoder(second, ("linear",) * 2), FRAMES)
    assert smallest < 0.7
    assert mean == pytest.approx((1 + smallest) / 2)


def test_unrelated_latents_do_not_agree():
    pairs = [
        (encoder(random_weights(s, 1), ("linear",)), encoder(random_weights(s + 50, 1), ("linear",))) for s in range(20)
    ]
    assert np.mean([agreement_of(*pair, FRAMES)[0] for pair in pairs]) < 0.5


def test_latents_with_different_numbers_of_cvs_do_not_agree():
    weights = random_weights(1, 2)
    assert agreement_of(encoder(weights, ("linear",) * 2), encoder(weights[:1], ("linear",)), FRAMES) == (0, 0)


def test_too_few_frames_cannot_tell_agreement():
    same = encoder(random_weights(1, 2), ("linear",) * 2)
    assert agreement_of(same, same, FRAMES[:10]) == (None, None)
    assert agreement_of(same, same, FRAMES[:0]) == (None, None)


def test_windows_are_lost_that_came_no_nearer_or_have_no_samples():
    centers = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    starts = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    cvs = np.array([[0.0, 0.0], [1.2, 0.0], [0.5, 0.0], [1.0, 1.0]])  # of window 0 one is nearer, of window 1 none
    windows = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(lost_windows(centers, starts, cvs, windows, LINEAR), [1, 2])


def test_the_way_to_a_centre_may_go_round_a_circular_cv():
    period = np.array([2 * np.pi])
    centers, starts = np.array([[-3.0]]), np.array([[2.5]])  # 0.78 rad apart the short way
    assert len(lost_windows(centers, starts, np.array([[3.0]]), np.array([0]), period)) == 0
    assert len(lost_windows(centers, starts, np.array([[2.0]]), np.array([0]), period)) == 1


def test_all_criteria_must_be_met_for_rounds_in_a_row():
    first = judge(MET, CRITERIA, 0)
    assert (first.converged, first.n_rounds_met) == (False, 1)
    assert "1 of 2 rounds in a row" in first.reason
    second = judge(MET, CRITERIA, first.n_rounds_met)
    assert (second.converged, second.n_rounds_met) == (True, 2)
    assert all(second.met.values())


@pytest.mark.parametrize(
    ("change", "criterion", "words"),
    [
        (
            {"growth": {"phi_psi": 0.1, CVS: 0.41}},
            "growth",
            "CV space still grows (as frames to the power 0.41, not below 0.3)",
        ),
        ({"growth": {"chi": 0.3, CVS: 0.2}}, "growth", "chi still grows (as frames to the power 0.30, not below 0.3)"),
        ({"growth": {"chi": None, CVS: 0.2}}, "growth", "growth cannot be told"),
        (
            {"agreement": 0.85},
            "agreement",
            "does not agree with the one before (canonical correlation 0.85, below 0.9)",
        ),
        ({"agreement": None}, "agreement", "no encoder before"),
        ({"lost_fraction": 0.5}, "lost", "many windows are lost (0.50 of them, more than 0.25)"),
    ],
)
def test_one_criterion_that_is_not_met_begins_the_count_anew_and_is_named(change, criterion, words):
    judgement = judge(Evidence(**(vars(MET) | change)), CRITERIA, 1)
    assert (judgement.converged, judgement.n_rounds_met) == (False, 0)
    assert [name for name, met in judgement.met.items() if not met] == [criterion]
    assert words in judgement.reason.split(" (met: ")[0]


def test_without_maps_the_space_of_the_cvs_decides():
    assert judge(Evidence({CVS: 0.2}, 0.99, 0.99, 0.0), CRITERIA, 1).converged
    assert not judge(Evidence({CVS: 0.9}, 0.99, 0.99, 0.0), CRITERIA, 1).converged


def test_agreement_that_is_not_asked_for_is_met():
    lax = Criteria(growth=0.3, correlation=0, lost=0.25, n_rounds=1)
    judgement = judge(Evidence({CVS: 0.2}, None, None, 0.0), lax, 0)
    assert judgement.converged and "not asked for" in judgement.reason


def test_the_table_of_the_evidence_has_every_number_beside_its_threshold():
    rounds = pd.DataFrame(
        {
            "round": [1, 2, 3],
            "n_windows": [4, 4, 0],
            "new_bins_per_ns_a": [30.0, 20.0, np.nan],
            "growth_a": [0.9, 0.2, np.nan],
            f"growth_{CVS}": [0.8, 0.1, np.nan],
            "agreement": [np.nan, 0.95, np.nan],
            "agreement_mean": [np.nan, 0.97, np.nan],
            "lost_fraction": [0.0, 0.25, np.nan],
            "met_growth": [False, True, None],
        }
    )
    keys = {"convergence_growth": 0.3, "convergence_correlation": 0.9, "convergence_lost_windows": 0.25}
    table = tabulate_evidence(rounds, keys)
    assert set(table["round"]) == {1, 2}
    assert len(table) == 2 * 5
    limits = table.groupby("quantity")["threshold"].first().to_dict()
    assert {name: limits[name] for name in ("growth", "agreement", "lost_fraction")} == {
        "growth": 0.3,
        "agreement": 0.9,
        "lost_fraction": 0.25,
    }
    second = table[table["round"] == 2].set_index(["quantity", table["series"][table["round"] == 2].fillna("")])[
        "value"
    ]
    assert second["growth", "a"] == 0.2 and second["growth", CVS] == 0.1 and second["agreement", ""] == 0.95

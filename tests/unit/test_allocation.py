from itertools import product

import numpy as np
import pytest
from extend_windows import choose_starts

from mesaflow.allocation import dissipated_power, order_pieces


def chain(conductances: list[float]) -> np.ndarray:
    """The shared samples of a chain of windows."""
    shared = np.diag(np.full(len(conductances) + 1, 10.0))
    for k, conductance in enumerate(conductances):
        shared[k, k + 1] = shared[k + 1, k] = conductance
    return shared


def ends(n: int, start: int, end: int) -> np.ndarray:
    current = np.zeros((n, 1))
    current[start], current[end] = 1, -1
    return current


def test_resistances_of_a_chain_add_up():
    power = dissipated_power(chain([2.0, 5.0, 4.0]), ends(4, 0, 3))
    np.testing.assert_allclose(power, [1 / 4, 1 / 4 + 1 / 10, 1 / 10 + 1 / 8, 1 / 8], atol=1e-12)
    assert power.sum() == pytest.approx(1 / 2 + 1 / 5 + 1 / 4)


def test_windows_beside_the_way_get_nothing():
    power = dissipated_power(chain([2.0, 5.0, 4.0]), ends(4, 1, 2))
    np.testing.assert_allclose(power, [0, 0.1, 0.1, 0], atol=1e-12)


def test_two_ways_share_the_current():
    shared = np.zeros((4, 4))
    for i, j in ((0, 1), (1, 3), (0, 2), (2, 3)):
        shared[i, j] = shared[j, i] = 1.0
    power = dissipated_power(shared, ends(4, 0, 3))
    assert power.sum() == pytest.approx(1.0)  # two ways of two unit resistors each, side by side
    np.testing.assert_allclose(power, [0.25] * 4)


def test_the_parts_are_the_mean_over_differences():
    shared = chain([2.0, 5.0])
    both = np.hstack([ends(3, 0, 1), ends(3, 1, 2)])
    expected = (dissipated_power(shared, ends(3, 0, 1)) + dissipated_power(shared, ends(3, 1, 2))) / 2
    np.testing.assert_allclose(dissipated_power(shared, both), expected)


def counts(power: np.ndarray, n_pieces: int, already: float) -> np.ndarray:
    return np.bincount(order_pieces(power, n_pieces, already), minlength=len(power))


def test_pieces_go_as_the_square_root_of_the_power():
    pieces = counts(np.array([1.0, 4.0, 9.0]), 57, already=1.0)
    np.testing.assert_allclose(pieces, [9, 19, 29], atol=1)  # whole pieces


def test_who_has_enough_gets_nothing_more():
    assert counts(np.array([0.0, 1e-6, 1.0, 1.0]), 10, already=5.0).tolist() == [0, 0, 5, 5]


@pytest.mark.parametrize("n_pieces", [0, 1, 7, 100])
def test_all_pieces_are_given_out(n_pieces):
    power = np.random.default_rng(0).exponential(size=30)
    assert len(order_pieces(power, n_pieces, already=0.7)) == n_pieces


def test_more_pieces_follow_after_the_first():
    power = np.random.default_rng(0).exponential(size=30)
    few, many = (order_pieces(power, n, already=0.7) for n in (40, 100))
    np.testing.assert_array_equal(many[:40], few)


@pytest.mark.parametrize("n_pieces", [1, 2, 5])
def test_no_other_allocation_leaves_less_variance(n_pieces):
    power, already = np.array([0.3, 5.0, 1.1]), 0.75
    others = [p for p in product(range(n_pieces + 1), repeat=3) if sum(p) == n_pieces]
    least = min((power / (already + np.array(pieces))).sum() for pieces in others)
    assert (power / (already + counts(power, n_pieces, already))).sum() == pytest.approx(least)


def test_without_any_power_nothing_is_given():
    assert len(order_pieces(np.zeros(3), 5, 1.0)) == 0


def test_the_allocation_is_better_than_an_even_one():
    power = np.random.default_rng(1).exponential(size=30) ** 3
    pieces = counts(power, 300, already=1.0)
    assert (power / (1 + pieces)).sum() < 0.8 * (power / 11).sum()


def test_starts_are_other_samples_until_there_are_no_more_and_stay_with_more_pieces():
    candidates = {3: np.array([10, 11, 12]), 5: np.array([20])}
    extends = [3, 5, 3, 5, 3, 3]
    starts = choose_starts(extends, candidates, random_seed=1)
    of_three = [start for start, window in zip(starts, extends, strict=True) if window == 3]
    assert sorted(of_three[:3]) == [10, 11, 12] and of_three[3] == of_three[0]
    assert [start for start, window in zip(starts, extends, strict=True) if window == 5] == [20, 20]
    assert choose_starts(extends[:3], candidates, random_seed=1) == starts[:3]

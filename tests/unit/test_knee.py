import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesaflow.knee import candidate_numbers, find_knee


def two_lines(knee: int, n: int, first: float, second: float) -> np.ndarray:
    """FVE(1) … FVE(n) that rises by ``first`` with every CV up to the knee, and by ``second`` after it."""
    numbers = np.arange(1, n + 1)
    return first * np.minimum(numbers, knee) + second * np.maximum(numbers - knee, 0)


@given(n=st.integers(4, 10), data=st.data(), first=st.floats(0.05, 0.2), share=st.floats(0.0, 0.5))
def test_a_sharp_knee_is_found(n, data, first, share):
    knee = data.draw(st.integers(2, n - 2))
    assert find_knee(list(two_lines(knee, n, first, share * first))).n_cvs == knee


@given(n=st.integers(4, 10), first=st.floats(0.1, 0.9), share=st.floats(0.0, 0.09))
def test_one_cv_is_enough_if_others_add_little(n, first, share):
    assert find_knee(list(two_lines(1, n, first, share * first))).n_cvs == 1


@given(n=st.integers(5, 10), data=st.data(), seed=st.integers(0, 10_000))
def test_a_little_noise_does_not_move_a_knee(n, data, seed):
    knee = data.draw(st.integers(2, n - 2))
    noise = np.random.default_rng(seed).uniform(-0.004, 0.004, size=n)
    assert find_knee(list(two_lines(knee, n, 0.15, 0.01) + noise)).n_cvs == knee


def test_a_rounded_knee_lies_where_the_curve_bends():
    assert find_knee(list(1 - np.exp(-np.arange(1, 11)))).n_cvs in (2, 3)


@pytest.mark.parametrize(
    "explained",
    [
        [0.4, 0.8, 0.81, 0.79, 0.8, 0.78],
        [0.4, 0.8, 0.81, 0.2, 0.82, 0.83],
        [0.4, 0.8, -0.5, 0.8, 0.81, 0.81],
        [0.4, 0.8, 0.3, 0.3, 0.3, 0.3],
    ],
)
def test_networks_that_training_has_failed_do_not_move_the_knee(explained):
    assert find_knee(explained).n_cvs == 2


@given(n=st.integers(4, 10), data=st.data(), seed=st.integers(0, 10_000))
def test_a_number_with_a_worse_network_than_fewer_is_never_chosen(n, data, seed):
    explained = np.random.default_rng(seed).uniform(-0.2, 1.0, size=n)
    n_cvs = find_knee(list(explained)).n_cvs
    assert 1 <= n_cvs <= n
    assert n_cvs == 1 or explained[n_cvs - 1] > explained[: n_cvs - 1].max()


@pytest.mark.parametrize(("explained", "knee"), [([0.5, 0.52, 0.9, 0.91], 3), ([0.1, 0.15, 0.2, 0.6, 0.61, 0.62], 4)])
def test_cvs_that_help_only_together_are_all_taken(explained, knee):
    assert find_knee(explained).n_cvs == knee


def test_a_curve_without_a_bend_is_told():
    straight = find_knee([0.1, 0.2, 0.3, 0.4, 0.5])
    assert straight.n_cvs == 3
    assert "hardly bends" in straight.reason
    assert "hardly bends" in find_knee([0.5, 0.5, 0.5, 0.5, 0.5, 0.9]).reason
    assert "hardly bends" not in find_knee([0.4, 0.8, 0.81, 0.82]).reason


@pytest.mark.parametrize("explained", [[-0.02, -0.01, -0.02, -0.03], [-0.3, -0.1, -0.2, -0.1]])
def test_nothing_explained_needs_no_more_than_one(explained):
    knee = find_knee(explained)
    assert knee.n_cvs == 1
    assert "no number of CVs" in knee.reason


def test_the_reason_names_the_numbers():
    reason = find_knee([0.4, 0.8, 0.81, 0.82]).reason
    assert "d = 1 to 2 and d = 3 to 4" in reason
    assert "FVE(2) is 0.800" in reason and "adds 0.010" in reason


@pytest.mark.parametrize("explained", [[], [0.5], [0.5, 0.7, 0.8]])
def test_too_few_points_have_no_knee(explained):
    with pytest.raises(ValueError, match="at least 4"):
        find_knee(explained)


def test_auto_tries_all_numbers():
    assert candidate_numbers("auto", 4) == [1, 2, 3, 4]
    assert candidate_numbers(7, 4) == [7]

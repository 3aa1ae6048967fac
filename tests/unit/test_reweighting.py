import numpy as np
import pandas as pd
import pymbar
import pytest

from mesaflow.encoder import minimum_image
from mesaflow.errors import InputError
from mesaflow.estimation import find_windows_to_extend
from mesaflow.mbar import MBAREquations
from mesaflow.populations import free_energy_surface, state_free_energies
from mesaflow.reweighting import (
    Restraints,
    Weights,
    block_counts,
    currents_between,
    decorrelate,
    estimate_weights,
    unwrap,
)
from mesaflow.units import thermal_energy

TEMPERATURE = 300.0
RT = thermal_energy(TEMPERATURE)
GRID = np.linspace(-2, 2, 8001)
EDGES = np.linspace(-1.6, 1.6, 33)


def double_well(x: np.ndarray) -> np.ndarray:
    """A free energy [kJ/mol] with a barrier of about 5 RT and a tilt of about 1.5 RT between two wells."""
    return 12 * (x**2 - 1) ** 2 + 2 * x


RESTRAINTS = Restraints(
    windows=np.arange(14),
    centers=np.linspace(-1.5, 1.5, 14)[:, None],
    force_constants=np.full(14, 60.0),
    periods=np.array([np.inf]),
)


def draw_samples(seed: int, n_samples: int) -> pd.DataFrame:
    """Independent samples of every window, from its exact distribution on a fine grid."""
    rng = np.random.default_rng(seed)
    parts = []
    for window, (center,), force_constant in zip(
        RESTRAINTS.windows, RESTRAINTS.centers, RESTRAINTS.force_constants, strict=True
    ):
        energy = double_well(GRID) + 0.5 * force_constant * (GRID - center) ** 2
        probability = np.exp(-(energy - energy.min()) / RT)
        x = rng.choice(GRID, size=n_samples, p=probability / probability.sum())
        parts.append(pd.DataFrame({"window": window, "time_ps": np.arange(1, n_samples + 1.0), "cv_1": x}))
    return pd.concat(parts, ignore_index=True)


def exact_populations() -> np.ndarray:
    probability = np.exp(-double_well(GRID) / RT)
    index = np.digitize(GRID, EDGES) - 1
    inside = (index >= 0) & (index < len(EDGES) - 1)
    return np.bincount(index[inside], weights=probability[inside]) / probability.sum()


def exact_difference() -> float:
    """The free energy [kJ/mol] of the right well against the left one."""
    probability = np.exp(-double_well(GRID) / RT)
    return -RT * np.log(probability[GRID >= 0].sum() / probability[GRID < 0].sum())


def estimate(samples: pd.DataFrame, n_bootstrap: int = 40, random_seed: int = 1) -> Weights:
    return estimate_weights(samples, np.arange(len(samples)), RESTRAINTS, TEMPERATURE, n_bootstrap, random_seed)


def states(samples: pd.DataFrame) -> dict[str, np.ndarray]:
    x = samples["cv_1"].to_numpy()
    return {"left": x < 0, "right": x >= 0}


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return draw_samples(0, 400)


@pytest.fixture(scope="module")
def weights(samples) -> Weights:
    return estimate(samples)


def test_double_well_is_recovered_within_its_errors(samples, weights):
    bins = np.digitize(samples["cv_1"], EDGES) - 1
    inside = (bins >= 0) & (bins < 32)
    surface, errors = free_energy_surface(
        bins[inside], 32, weights.weights[inside], weights.bootstrap[:, inside], TEMPERATURE
    )
    exact = -RT * np.log(exact_populations())
    exact -= exact[np.nanargmin(surface)]
    assert np.nanmin(surface) == 0
    well_sampled = (np.bincount(bins[inside], minlength=32) >= 20) & (errors > 0)
    assert well_sampled.sum() >= 25
    deviation = (surface - exact)[well_sampled] / errors[well_sampled]
    assert np.abs(deviation).max() < 4
    assert 0.2 < (deviation**2).mean() < 2
    assert np.median(errors[well_sampled]) < 0.5


def test_state_difference_is_recovered_within_its_error(samples, weights):
    estimates = state_free_energies(states(samples), "left", weights.weights, weights.bootstrap, TEMPERATURE)
    free_energy, error = estimates["right"]
    assert estimates["left"] == (0, 0)
    assert abs(free_energy - exact_difference()) < 3 * error
    assert error < 0.6


def test_weights_equal_those_of_pymbar(samples, weights):
    u_kn = RESTRAINTS.reduced_potentials(samples[["cv_1"]].to_numpy(), TEMPERATURE)
    unbiased = np.zeros((1, len(samples)))
    mbar = pymbar.MBAR(
        np.concatenate([u_kn, unbiased]), np.array([400] * 14 + [0]), solver_protocol="robust", relative_tolerance=1e-12
    )
    np.testing.assert_allclose(weights.weights, mbar.weights()[:, -1], rtol=1e-6)
    np.testing.assert_allclose(weights.free_energies, mbar.f_k[:14] - mbar.f_k[0], atol=1e-6)
    np.testing.assert_allclose(weights.overlap, mbar.compute_overlap()["matrix"][:14, :14], atol=1e-6)


def test_own_solver_agrees_with_pymbar_where_windows_overlap(samples, weights):
    u_kn = RESTRAINTS.reduced_potentials(samples[["cv_1"]].to_numpy(), TEMPERATURE)
    f_k = MBAREquations([u_kn], np.repeat(np.arange(14), 400)).solve(
        np.full(14, 400), np.ones(len(samples)), np.zeros(14)
    )
    np.testing.assert_allclose(f_k, weights.free_energies, atol=1e-4)


def test_counts_weigh_like_repeated_samples():
    few = draw_samples(3, 30)
    counts = np.random.default_rng(0).integers(0, 3, size=len(few))
    repeated = few.iloc[np.repeat(np.arange(len(few)), counts)]
    n_repeated = np.array([(repeated["window"] == window).sum() for window in RESTRAINTS.windows])

    def solve(table: pd.DataFrame, counts: np.ndarray) -> np.ndarray:
        u_kn = RESTRAINTS.reduced_potentials(table[["cv_1"]].to_numpy(), TEMPERATURE)
        owners = np.searchsorted(RESTRAINTS.windows, table["window"])
        return MBAREquations([u_kn], owners).solve(n_repeated, counts, np.zeros(14))

    np.testing.assert_allclose(solve(few, counts.astype(float)), solve(repeated, np.ones(len(repeated))), atol=1e-5)


def test_weights_are_normalised(weights):
    assert weights.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights.bootstrap.sum(axis=1), 1)
    assert weights.bootstrap.shape == (40, 14 * 400)
    np.testing.assert_array_equal(weights.n_samples_per_state, 400)


def test_bootstrap_errors_are_the_spread_of_independent_repeats():
    free_energies, errors = [], []
    for seed in range(40):
        repeat = draw_samples(100 + seed, 60)
        drawn = estimate(repeat, n_bootstrap=20, random_seed=seed)
        estimated = state_free_energies(states(repeat), "left", drawn.weights, drawn.bootstrap, TEMPERATURE)
        free_energies.append(estimated["right"][0])
        errors.append(estimated["right"][1])
    spread = np.std(free_energies, ddof=1)
    assert abs(np.mean(free_energies) - exact_difference()) < 4 * spread / np.sqrt(40)
    assert 0.65 < np.sqrt(np.mean(np.square(errors))) / spread < 1.5


@pytest.mark.parametrize(("n_samples", "n_blocks"), [(20, 5), (30, 30), (9, 3), (2, 2)])
def test_the_spread_of_few_blocks_is_not_too_small(n_samples, n_blocks):
    """The variance of a mean is 1/n, which blocks that are all drawn would give times 1 - 1/n_blocks."""
    rng = np.random.default_rng(1)
    variances = []
    for _ in range(400):
        samples = rng.standard_normal(n_samples)
        drawn = [block_counts(n_samples, rng, n_blocks) @ samples / n_samples for _ in range(200)]
        variances.append(np.var(drawn, ddof=1))
    standard_error = np.std(variances, ddof=1) / np.sqrt(len(variances))
    assert abs(np.mean(variances) - 1 / n_samples) < 3.5 * standard_error
    assert standard_error < 0.1 / n_samples


def test_counts_of_blocks_add_up_to_the_samples():
    rng = np.random.default_rng(2)
    for n_samples, n_blocks in [(1, 1), (3, 1.7), (17, 4), (100, 10)]:
        assert block_counts(n_samples, rng, n_blocks).sum() == pytest.approx(n_samples)


def test_random_seed_decides_the_bootstrap_only():
    few = draw_samples(0, 20)
    first, again, other = (estimate(few, 3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.bootstrap, again.bootstrap)
    np.testing.assert_array_equal(first.weights, other.weights)
    assert (first.bootstrap != other.bootstrap).any()


def test_windows_without_samples_are_left_out(samples):
    part = samples[~samples["window"].isin([0, 13])].reset_index(drop=True)
    part = part.groupby("window").head(30).reset_index(drop=True)
    result = estimate(part, 2)
    np.testing.assert_array_equal(result.windows, np.arange(1, 13))
    assert result.overlap.shape == (12, 12)


def test_only_the_rows_given_are_used(samples):
    rows = np.flatnonzero(samples["time_ps"] <= 50)
    chosen = estimate_weights(samples, rows, RESTRAINTS, TEMPERATURE, 2, 1)
    alone = estimate(samples.iloc[rows].reset_index(drop=True), 2)
    np.testing.assert_array_equal(chosen.rows, rows)
    np.testing.assert_allclose(chosen.weights, alone.weights)


def test_reduced_potentials_by_hand():
    restraints = Restraints(
        np.array([4, 9]), np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([10.0, 20.0]), np.array([2 * np.pi, np.inf])
    )
    u_kn = restraints.reduced_potentials(np.array([[-3.0, 0.5]]), TEMPERATURE)
    around = 2 * np.pi - 6
    np.testing.assert_allclose(u_kn[:, 0], [5 * (around**2 + 0.25) / RT, 10 * (9 + 0.25) / RT])
    assert minimum_image(np.array([-6.0]), np.array([2 * np.pi]))[0] == pytest.approx(around)


def autoregressive(rng: np.random.Generator, coefficient: float, n_steps: int) -> np.ndarray:
    """An AR(1) series in equilibrium, whose statistical inefficiency is (1 + c) / (1 − c)."""
    values = rng.normal(size=n_steps)
    for i in range(1, n_steps):
        values[i] = coefficient * values[i - 1] + np.sqrt(1 - coefficient**2) * values[i]
    return values


def table(*series: np.ndarray) -> pd.DataFrame:
    columns = {f"cv_{k + 1}": values for k, values in enumerate(series)}
    return pd.DataFrame({"window": 0, "time_ps": np.arange(1, len(series[0]) + 1.0), **columns})


@pytest.mark.parametrize(("coefficient", "inefficiency"), [(0.5, 3), (0.8, 9), (0.9, 19)])
def test_correlated_series_is_thinned_by_its_statistical_inefficiency(coefficient, inefficiency):
    series = autoregressive(np.random.default_rng(1), coefficient, 20_000)
    n_chosen = len(decorrelate(table(series), 0.0))
    assert 0.8 < n_chosen * inefficiency / 20_000 < 1.2


def test_uncorrelated_series_is_hardly_thinned():
    n_chosen = len(decorrelate(table(np.random.default_rng(0).normal(size=5000)), 0.0))
    assert n_chosen > 0.85 * 5000


def test_slowest_cv_decides():
    rng = np.random.default_rng(2)
    slow, fast = autoregressive(rng, 0.9, 20_000), rng.normal(size=20_000)
    np.testing.assert_array_equal(decorrelate(table(fast, slow), 0.0), decorrelate(table(slow, fast), 0.0))
    assert len(decorrelate(table(fast, slow), 0.0)) < 1.2 * 20_000 / 19


def test_approach_to_equilibrium_is_left_out():
    rng = np.random.default_rng(3)
    series = rng.normal(size=2000)
    series[:300] += np.linspace(30, 0, 300)
    chosen = decorrelate(table(series), discard=0.0)
    assert 250 <= chosen.min() <= 1000
    assert len(chosen) > 1000


def test_ramp_is_left_out():
    series = np.random.default_rng(3).normal(size=1000)
    chosen = decorrelate(table(series), discard=100.0)
    assert chosen.min() >= 100
    np.testing.assert_array_equal(chosen, 100 + decorrelate(table(series[100:]), discard=0.0))


def test_windows_are_treated_alone_and_in_order():
    rng = np.random.default_rng(4)
    slow, fast = table(autoregressive(rng, 0.9, 5000)), table(rng.normal(size=5000)).assign(window=1)
    chosen = decorrelate(pd.concat([fast, slow]), 0.0)
    windows = pd.concat([fast, slow])["window"].to_numpy()[chosen]
    assert (np.diff(windows) >= 0).all()
    n_slow, n_fast = np.bincount(windows)
    assert n_fast > 5 * n_slow > 0


def test_series_that_never_changes_is_kept_whole():
    assert len(decorrelate(table(np.full(50, 1.5)), 0.0)) == 50


def test_short_windows_are_left_out_and_nothing_left_is_an_error():
    long, short = table(np.random.default_rng(0).normal(size=100)), table(np.zeros(4)).assign(window=1)
    assert decorrelate(pd.concat([long, short]), 0.0).max() < 100
    with pytest.raises(InputError, match="no production window has enough samples .* lengthen production.length_ps"):
        decorrelate(short, 0.0)


def test_circular_cvs_do_not_jump_once_unwrapped():
    rng = np.random.default_rng(0)
    smooth = rng.normal(scale=0.3, size=(2, 400))
    angles = np.concatenate([np.pi + smooth[0], 1.0 + smooth[1]])
    wrapped = pd.DataFrame(
        {
            "window": np.repeat([3, 8], 400),
            "time_ps": np.tile(np.arange(400.0), 2),
            "cv_1": (angles + np.pi) % (2 * np.pi) - np.pi,
            "cv_2": angles,
        }
    )
    assert np.ptp(wrapped["cv_1"][:400]) > 6
    unwrapped = unwrap(wrapped, np.array([2 * np.pi, np.inf]))
    for window, expected in zip((3, 8), smooth, strict=True):
        values = unwrapped.loc[unwrapped["window"] == window, "cv_1"].to_numpy()
        np.testing.assert_allclose(values - values.mean(), expected - expected.mean(), atol=1e-12)
        assert abs(values.mean()) < 0.01
    np.testing.assert_array_equal(unwrapped["cv_2"], wrapped["cv_2"])
    np.testing.assert_array_equal(decorrelate(unwrapped, 0.0), decorrelate(wrapped.assign(cv_1=angles), 0.0))


def test_currents_are_the_derivatives_of_the_states_free_energies(samples, weights):
    """Against the change of the weights when the free energy of one window is shifted."""
    members = states(samples)
    currents = currents_between(weights, members, "left")
    assert currents.shape == (14, 1)
    assert currents.sum() == pytest.approx(0, abs=1e-9)
    u_kn = RESTRAINTS.reduced_potentials(samples[["cv_1"]].to_numpy(), TEMPERATURE)

    def difference(f_k: np.ndarray) -> float:
        log_weights = -np.logaddexp.reduce(np.log(400) + f_k[:, None] - u_kn, axis=0)
        return -np.log(np.exp(log_weights[members["right"]]).sum() / np.exp(log_weights[members["left"]]).sum())

    for k in (2, 6, 11):
        shift = np.zeros(14)
        shift[k] = 1e-4
        slope = (difference(weights.free_energies + shift) - difference(weights.free_energies - shift)) / 2e-4
        assert currents[k, 0] == pytest.approx(slope, abs=1e-6)


def test_the_windows_to_extend_lie_between_the_wells_and_have_few_samples(samples, weights):
    settings = {"states": {"left": {"x": [-180, 0]}, "right": {"x": [0, 180]}}, "reference_state": "left"}

    def first(data: pd.DataFrame, found: Weights) -> list[int]:
        windows = find_windows_to_extend(data.rename(columns={"cv_1": "x"}), found, settings)
        assert windows["left"] == []
        return windows["right"]

    chosen = first(samples, weights)
    assert len(chosen) == 5
    assert np.abs(RESTRAINTS.centers[chosen]).max() < 1
    often = samples["window"] == chosen[0]
    more = pd.concat([samples, *[samples[often]] * 9]).sort_values("window", kind="stable", ignore_index=True)
    assert chosen[0] not in first(more, estimate(more, n_bootstrap=2))


def test_a_reference_state_alone_gives_no_currents(samples, weights):
    alone = {"left": states(samples)["left"]}
    assert currents_between(weights, alone, "left").shape == (14, 0)


@pytest.mark.parametrize("windows", [range(14), range(3, 14)])
def test_a_part_of_an_estimate_comes_to_what_it_does_alone(samples, weights, windows):
    chosen = np.flatnonzero(samples["window"].isin(windows) & (np.arange(len(samples)) % 2 == 0))
    alone, part = (
        estimate_weights(samples, chosen, RESTRAINTS, TEMPERATURE, 3, 1, whole=whole) for whole in (None, weights)
    )
    assert part.windows.tolist() == alone.windows.tolist() == list(windows)
    assert part.n_samples_per_state.tolist() == alone.n_samples_per_state.tolist()
    assert part.weights == pytest.approx(alone.weights, rel=1e-6)
    assert part.bootstrap == pytest.approx(alone.bootstrap, rel=1e-3, abs=1e-9)
    assert part.shared == pytest.approx(alone.shared, rel=1e-6, abs=1e-9)


def test_errors_hold_what_differs_between_pieces():
    """Pieces of 50 equal samples: blocks of √400 see an error smaller by √(20/50)."""
    stuck = draw_samples(4, 8)
    stuck = stuck.iloc[np.repeat(np.arange(len(stuck)), 50)].reset_index(drop=True)
    in_pieces = stuck.assign(piece=np.arange(len(stuck)) // 50)
    errors = []
    for samples in (stuck, in_pieces):
        weights = estimate(samples, n_bootstrap=200)
        found = state_free_energies(states(samples), "left", weights.weights, weights.bootstrap, TEMPERATURE)
        errors.append(found["right"][1])
    assert errors[1] / errors[0] == pytest.approx(np.sqrt(50 / 20), rel=0.25)

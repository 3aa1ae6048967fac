import numpy as np
import pandas as pd
import pytest

from mesaflow.encoder import Encoder
from mesaflow.features import Features
from mesaflow.pooling import Pool, pool_samples

RAMP = 2.0


@pytest.fixture
def encoder() -> Encoder:
    """One linear CV, the distance of two atoms."""
    features = Features(False, pairs=np.array([[0, 1]]))
    reference = np.array([[0.0, 0, 0], [0.3, 0, 0], [0, 0.1, 0]])
    return Encoder(
        np.arange(3), 1.0, reference[None], False, (np.eye(1),), (np.zeros(1),), "tanh", ("linear",), features
    )


def row(window: int, center: float, **extends: int) -> dict:
    return {"window": window, "center_1": center, "force_constant": 8.0} | extends


def status(window: int, force_constant: float = 8.0, outcome: str = "finished") -> dict:
    return {"window": window, "outcome": outcome, "force_constant": force_constant}


def samples(*windows: int, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"window": window, "time_ps": np.arange(1.0, n + 1), "cv_1": rng.normal(size=n)})
        for window in windows
    ]
    return pd.concat(parts, ignore_index=True)


def pooled(encoder: Encoder, extensions: list[dict], statuses: list[dict], *pieces: int) -> Pool:
    rows = [row(0, 0.1), row(1, 0.2), *extensions]
    return pool_samples(rows, [status(0), status(1), *statuses], samples(0, 1, *pieces), encoder, RAMP)


def test_a_piece_belongs_to_the_window_that_it_extends(encoder):
    pool = pooled(encoder, [row(2, 0.1, extends=0), row(3, 0.1, extends=0)], [status(2), status(3)], 2, 3)
    assert pool.restraints.windows.tolist() == [0, 1]
    assert pool.samples.groupby("piece")["window"].first().to_dict() == {0: 0, 1: 1, 2: 0, 3: 0}


def test_a_piece_with_a_lower_force_constant_is_a_window_of_its_own(encoder):
    pool = pooled(encoder, [row(2, 0.1, extends=0)], [status(2, force_constant=4.0)], 2)
    assert pool.restraints.windows.tolist() == [0, 1, 2]
    assert pool.restraints.force_constants.tolist() == [8, 8, 4]
    assert pool.restraints.centers.ravel().tolist() == [0.1, 0.2, 0.1]


def test_pieces_that_failed_leave_nothing(encoder):
    pool = pooled(encoder, [row(2, 0.1, extends=0)], [status(2, outcome="failed")])
    assert pool.restraints.windows.tolist() == [0, 1]


def test_only_windows_have_a_ramp(encoder):
    pool = pooled(encoder, [row(2, 0.1, extends=0)], [status(2)], 2)
    assert pool.samples.groupby("piece")["time_ps"].min().to_dict() == {0: 1.0, 1: 1.0, 2: 1.0 + RAMP}


def test_rows_come_in_the_order_of_windows_and_each_piece_is_thinned_by_itself(encoder):
    pool = pooled(encoder, [row(2, 0.1, extends=0)], [status(2)], 2)
    rows = pool.choose_rows(RAMP)
    chosen = pool.samples.iloc[rows]
    assert chosen["window"].is_monotonic_increasing
    assert set(chosen["piece"]) == {0, 1, 2}
    assert (chosen["time_ps"] > RAMP).all()


def test_cvs_stay_what_was_sampled(encoder):
    pool = pooled(encoder, [], [])
    np.testing.assert_array_equal(pool.samples["cv_1"], samples(0, 1)["cv_1"])

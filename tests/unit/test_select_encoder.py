"""Which of the trained networks a stage goes on with."""

import numpy as np
import pytest
from select_encoder import choose, compare_restarts

from mesaflow.dataset import TrainingSet, extend_training_set


def trainings(explained: dict[int, list[float]]) -> list[dict]:
    """What training.json holds of networks by their number of CVs, one restart after another."""
    return [{"n_cvs": n, "fve_validation": value} for n, values in explained.items() for value in values]


def test_the_best_restart_is_chosen():
    chosen = choose(trainings({3: [0.5, 0.7, 0.6]}))
    assert chosen["index"] == 1
    assert chosen["restarts"] == [0, 1, 2]
    assert chosen["summary"]["restart"] == 1
    assert chosen["summary"]["fve_validation_by_n_cvs"] == {"3": 0.7}
    assert chosen["summary"]["n_cvs_reason"] == "given in the configuration"


def test_the_number_of_cvs_is_chosen_by_the_best_restarts_then_the_restart():
    explained = {1: [0.3, 0.4], 2: [0.1, 0.8], 3: [0.82, 0.7], 4: [0.83, 0.2], 5: [0.84, 0.3]}
    chosen = choose(trainings(explained))
    assert chosen["index"] == 3
    assert chosen["restarts"] == [2, 3]
    assert chosen["summary"]["fve_validation_of_restarts"] == [0.1, 0.8]
    assert chosen["summary"]["fve_validation_by_n_cvs"] == {"1": 0.4, "2": 0.8, "3": 0.82, "4": 0.83, "5": 0.84}
    assert "d = 1 to 2" in chosen["summary"]["n_cvs_reason"]


@pytest.fixture
def training_set(random_encoder) -> TrainingSet:
    reference = random_encoder().references[0]
    frames = reference + np.random.default_rng(0).normal(scale=0.05, size=(400, 5, 3))
    return extend_training_set(TrainingSet.empty(np.arange(5), reference), {"a.dcd": frames}, 0.5, 10, 1)


def test_restarts_are_compared_on_held_out_frames(random_encoder, training_set, tmp_path):
    for name, seed in (("a", 1), ("again", 1), ("other", 2)):
        random_encoder(seed=seed, reference=training_set.reference).save(tmp_path / f"{name}.npz")
    same = compare_restarts([tmp_path / "a.npz", tmp_path / "again.npz"], training_set)
    assert same["restarts_agree"] is True
    assert same["restart_correlation_smallest"] == pytest.approx(1)
    other = compare_restarts([tmp_path / "a.npz", tmp_path / "other.npz"], training_set)
    assert other["restarts_agree"] is False
    alone = compare_restarts([tmp_path / "a.npz"], training_set)
    assert alone == {"restart_correlation_mean": None, "restart_correlation_smallest": None, "restarts_agree": None}

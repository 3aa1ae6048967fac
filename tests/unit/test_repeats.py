import pytest

from mesaflow.errors import InputError
from mesaflow.repeats import repeat_methods, repeat_run, runs_of_method
from mesaflow.runs import Runs
from mesaflow.sweep import Sweep

CONFIG = {"run": "adp", "random_seed": 2, "validation": {"random_seeds": [1, 2, 30]}}


def test_each_random_seed_is_a_run_and_that_of_the_configuration_is_not_made_twice():
    table = repeat_run(CONFIG)
    assert table.name == "adp-validation"
    assert table.rows == {
        "adp-seed-1": {"random_seed": 1},
        "adp": {"random_seed": 2},
        "adp-seed-30": {"random_seed": 30},
    }


def test_a_method_that_differs_in_nothing_is_the_run_that_is_validated():
    methods = Sweep("baselines", {"ours": {}, "flat": {"training.n_cvs": 2}})
    assert runs_of_method(CONFIG, methods, "ours") == {1: "adp-seed-1", 2: "adp", 30: "adp-seed-30"}
    table = repeat_methods(CONFIG, methods)
    assert table.name == "adp-baselines"
    assert {run: row for run, row in table.rows.items() if "flat" not in run} == repeat_run(CONFIG).rows
    assert table.rows["adp-flat-seed-2"] == {"training.n_cvs": 2, "random_seed": 2}
    assert len(table.rows) == 6


def test_methods_with_random_seeds_of_their_own_are_refused():
    with pytest.raises(InputError, match=r"gives flat the random_seed 7; drop the column"):
        repeat_methods(CONFIG, Sweep("baselines", {"flat": {"random_seed": 7}}))


@pytest.fixture
def runs(config, schema, in_repository):
    def make(**overridden) -> Runs:
        return Runs(config | overridden, schema)

    return make


def test_runs_of_a_validation_differ_in_their_random_seed_and_share_the_system(runs):
    runs = runs()
    names = runs.of(runs.validation)
    assert names == [runs.base, *(f"{runs.base}-seed-{seed}" for seed in (2, 3, 4, 5))]
    base, other = runs[runs.base], runs[names[1]]
    assert {key for key in base if base[key] != other[key]} == {"run", "random_seed", "sweep"}
    assert {runs.owner(run, "system") for run in names} == {runs.base}
    assert len({runs.owner(run, "seed") for run in names}) == len(names)


@pytest.mark.parametrize("name", ["alanine_dipeptide-seed-3", "alanine_dipeptide-validation"])
def test_a_sweep_cannot_take_the_names_of_a_validation(runs, tmp_path, name):
    (tmp_path / "table.tsv").write_text(f"run\ttraining.n_cvs\n{name}\t2\n")
    with pytest.raises(InputError, match=f"takes the name '{name}'.*choose another"):
        runs(sweep=str(tmp_path / "table.tsv"))


def test_a_faulty_table_that_nobody_asks_for_is_in_no_ones_way(runs, tmp_path):
    (tmp_path / "table.tsv").write_text("run\ttraining.n_cvs\na\t0\n")
    runs = runs(sweep=str(tmp_path / "table.tsv"))
    folder = runs.owner("alanine_dipeptide-seed-2", "seed")
    again = Runs(runs._given, runs._schema)
    assert again[folder]["random_seed"] == 2
    with pytest.raises(InputError, match="run a: training.n_cvs is 0"):
        again.of_sweep()


def test_names_too_long_for_a_folder_are_refused_with_their_place(runs):
    runs = runs(run="r" * 60)
    with pytest.raises(InputError, match="r-validation, run r+-seed-2: run is 'r+-seed-2'"):
        runs.of(runs.validation)

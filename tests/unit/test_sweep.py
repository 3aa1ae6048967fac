import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mesaflow.errors import InputError
from mesaflow.runs import Runs
from mesaflow.sweep import STEPS, read_sweep, shared_name, step_of_shared_name

SEEDS = "run\trandom_seed\ttraining.n_cvs\nbase\t\t\nfirst\t7\t\nsecond\t7\t3\nthird\t\t3\n"

FAULTS = {
    "empty": ("", ("is empty", "give a header")),
    "only a header": ("run\trandom_seed\n", ("has no run", "each line below the header")),
    "no column run": ("name\trandom_seed\na\t1\n", ("no column run", "'name', 'random_seed'", "tabs")),
    "spaces for tabs": ("run random_seed\na 1\n", ("no column run", "tabs")),
    "run twice": ("run\trandom_seed\na\t1\nb\t2\na\t3\n", ("the run 'a' 2 times", "name of its own")),
    "path separator": ("run\na/b\n", ("'a/b'", "letter or digit")),
    "no name": ("run\trandom_seed\n\t1\n", ("''", "letter or digit")),
    "name of a shared folder": ("run\nshared-seed-0123456789ab\n", ("that runs share", "rename")),
    "name of the sweep": ("run\ntable\n", ("'table'", "rename")),
    "misspelt key": ("run\ttraining.n_cv\na\t1\n", ("'training.n_cv'", "did you mean training.n_cvs?")),
    "misspelt section": ("run\ttrainig.n_cvs\na\t1\n", ("'trainig.n_cvs'", "did you mean training.n_cvs?")),
    "key without its section": ("run\tn_windows\na\t1\n", ("'n_windows'", "not a known key")),
    "key below a value": ("run\trandom_seed.x\na\t1\n", ("'random_seed.x'", "did you mean random_seed?")),
    "key twice": ("run\trandom_seed\trandom_seed\na\t1\t2\n", ("'random_seed' 2 times", "one column")),
    "key of the table": ("run\tsweep\na\tother.tsv\n", ("'sweep'", "drop it")),
    "no YAML": ("run\ttraining.inputs\na\t[positions\n", ("'[positions'", "not YAML")),
    "more cells than columns": ("run\trandom_seed\na\t1\t2\n", ("3 cells", "2 columns")),
}


@pytest.fixture
def table(tmp_path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "table.tsv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def runs(schema, config, table, in_repository) -> Callable[..., Runs]:
    """Make the runs of the shipped configuration, named ``base``, with a table."""

    def make(text: str = SEEDS, **overridden) -> Runs:
        return Runs(config | {"run": "base", "sweep": str(table(text))} | overridden, schema)

    return make


def test_values_are_read_as_yaml_and_empty_cells_left_out(table, schema):
    path = table(
        "\ufeff# a comment\n\nrun\trandom_seed\ttraining.inputs\ttraining.atoms\n"
        'a\t2\t[positions, dihedrals]\tname "CA"\nb\t\t"[distances]"\n'
    )
    sweep = read_sweep(path, schema)
    assert sweep.name == "table"
    assert sweep.rows == {
        "a": {"random_seed": 2, "training.inputs": ["positions", "dihedrals"], "training.atoms": 'name "CA"'},
        "b": {"training.inputs": ["distances"]},
    }


@pytest.mark.parametrize(("text", "words"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_table_is_refused_in_one_line(table, schema, text, words):
    path = table(text)
    with pytest.raises(InputError) as error:
        read_sweep(path, schema)
    assert len(str(error.value).splitlines()) == 1
    assert all(word in str(error.value) for word in (str(path), *words)), error.value


def test_a_table_that_is_no_text_is_refused(tmp_path, schema):
    (tmp_path / "table.tsv").write_bytes(b"run\xff\x00\n")
    with pytest.raises(InputError, match="cannot be read as a table of text"):
        read_sweep(tmp_path / "table.tsv", schema)


def test_named_entries_can_be_varied(table, schema):
    sweep = read_sweep(table("run\tobservables.phi.bin_width_deg\na\t20\n"), schema)
    config, _ = sweep.configure("a", {"observables": {"phi": {"bin_width_deg": 10, "dihedral": []}}})
    assert config["observables"]["phi"] == {"bin_width_deg": 20, "dihedral": []}


def test_a_row_changes_its_keys_and_no_others(runs):
    runs = runs()
    assert runs.of_sweep() == ["base", "first", "second", "third"]
    base, second = runs["base"], runs["second"]
    assert {key for key in base if base[key] != second[key]} == {"run", "random_seed", "training", "sweep"}
    assert second["training"] == base["training"] | {"n_cvs": 3}
    assert runs.varied("third") == {"random_seed": 1, "training.n_cvs": 3}


def test_a_run_is_resolved_when_it_is_asked_for(runs):
    runs = runs()
    assert list(runs) == ["base"]
    assert runs["third"]["run"] == "third"
    assert list(runs) == ["base", "third"]
    with pytest.raises(KeyError):
        runs["unknown"]


def test_faulty_rows_have_a_line_each_with_their_place(runs):
    runs = runs("run\ttraining.n_cvs\tsystem.structure\na\t0\t\nb\t2\t\nc\t\tno.pdb\n")
    with pytest.raises(InputError) as error:
        runs.of_sweep()
    first, second = str(error.value).splitlines()
    assert "table.tsv, run a: training.n_cvs is 0; give" in first
    assert "table.tsv, run c: system.structure is 'no.pdb', and there is no such file in " in second
    assert str(runs.sweep.path.parent) in second


def test_paths_of_a_table_are_relative_to_it(runs, tmp_path, alanine_pdb):
    (tmp_path / "mine.pdb").write_text(alanine_pdb.read_text())
    assert runs("run\tsystem.structure\na\tmine.pdb\n")["a"]["system"]["structure"] == str(tmp_path / "mine.pdb")


def test_the_name_of_the_base_is_for_the_same_settings_only(runs):
    assert runs("run\trandom_seed\nbase\t1\n").of_sweep() == ["base"]
    with pytest.raises(InputError, match="run base: random_seed is not that of the configuration"):
        runs("run\trandom_seed\nbase\t2\n").of_sweep()


def test_names_that_would_mix_results_are_refused(runs):
    with pytest.raises(InputError, match="run is 'table' as the table"):
        runs(run="table").of_sweep()
    with pytest.raises(InputError, match="as folders are named that runs share"):
        runs(run="shared-seed-0123456789ab")
    with pytest.raises(InputError, match="sweep is null"):
        runs(sweep=None).of_sweep()


def test_runs_share_what_depends_on_the_same_settings(runs):
    runs = runs()
    assert {run: runs.owner(run, "system") for run in runs.of_sweep()} == dict.fromkeys(runs.of_sweep(), "base")
    seeds = {run: runs.owner(run, "seed") for run in runs.of_sweep()}
    assert seeds["base"] == seeds["third"] == "base"
    assert seeds["first"] == seeds["second"] == shared_name("seed", runs["first"])
    assert runs.shared_steps("base") == {}
    assert runs.shared_steps("first") == {
        "system": "base",
        "seed": seeds["first"],
        "unbiased": shared_name("unbiased", runs["first"]),
    }
    folder = seeds["first"]
    assert step_of_shared_name(folder) == "seed"
    assert (runs.owner(folder, "seed"), runs.owner(folder, "system")) == (folder, "base")


@pytest.mark.parametrize("rows", ["new\t8\t\nfirst\t7\t\n", "first\t7\t\n", "new\t7\t5\nfirst\t7\t\nsecond\t7\t3\n"])
def test_rows_that_come_and_go_leave_the_folders_of_the_others(runs, rows):
    kept = runs().shared_steps("first")
    assert runs("run\trandom_seed\ttraining.n_cvs\n" + rows).shared_steps("first") == kept


def test_more_replicas_share_those_that_there_are(runs):
    runs = runs("run\tseeding.n_replicas\tseeding.length_ps\nmore\t5\t\nlonger\t\t800\n")
    assert runs.owner("more", "seed") == "base"
    assert runs.owner("longer", "seed") != "base"


@pytest.mark.parametrize("step", STEPS)
def test_each_step_of_each_folder_is_either_done_or_linked(runs, step):
    runs = runs()
    folders = [*runs.of_sweep(), *(shared_name(other, runs["first"]) for other in STEPS)]
    for folder in folders:
        done = re.fullmatch(runs.owners_pattern(step), folder) is not None
        linked = re.fullmatch(runs.members_pattern(step), folder) is not None
        assert done != linked
        assert re.fullmatch(runs.pattern(), folder)
        assert done == (folder in ("base", shared_name(step, runs["first"])))
    assert not re.fullmatch(runs.pattern(), "another")

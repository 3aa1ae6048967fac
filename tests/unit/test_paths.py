from pathlib import Path

import pytest

from mesaflow.errors import InputError
from mesaflow.paths import Source, resolve_paths
from mesaflow.settings import resolve_config

FILE = {"type": ["string", "null"], "x-path": True}
SCHEMA = {
    "properties": {
        "structure": FILE,
        "force_field": {"items": {"type": "string", "x-path": "or_name"}},
        "trajectories": {"items": {"properties": {"trajectory": FILE, "comment": {"type": "string"}}}},
        "observables": {
            "additionalProperties": {
                "anyOf": [{"type": "null"}, {"properties": {"rmsd": {"properties": {"to": FILE}}}}]
            }
        },
    }
}


@pytest.fixture
def places(tmp_path, monkeypatch) -> dict[str, Path]:
    """A working directory, a folder below it, one beside it, and mesaflow's, each with a file of its own and ``all.pdb``."""
    folders = {"here": "work", "below": "work/below", "beside": "beside", "home": "home"}
    places = {name: tmp_path / folder for name, folder in folders.items()}
    for name, folder in places.items():
        folder.mkdir(parents=True)
        (folder / f"{name}.pdb").touch()
        (folder / "all.pdb").touch()
    monkeypatch.chdir(places["here"])
    return places


def source(folder: Path, **content) -> Source:
    return Source(folder / "my.yaml", content)


def test_a_path_is_relative_to_the_folder_of_the_file_that_names_it(places):
    config = {"structure": "below.pdb"}
    assert resolve_paths(config, SCHEMA, [source(places["below"], **config)])["structure"] == "below/below.pdb"
    config = {"structure": "beside.pdb"}
    assert resolve_paths(config, SCHEMA, [source(places["beside"], **config)])["structure"] == str(
        places["beside"] / "beside.pdb"
    )


def test_the_folder_of_the_file_comes_before_the_working_directory_and_that_before_home(places):
    config = {"structure": "all.pdb"}
    named = [source(places["below"], **config)]
    assert resolve_paths(config, SCHEMA, named, places["home"])["structure"] == "below/all.pdb"
    assert resolve_paths(config, SCHEMA, [source(places["below"])], places["home"])["structure"] == "all.pdb"
    config = {"structure": "home.pdb"}
    assert resolve_paths(config, SCHEMA, [], places["home"])["structure"] == str(places["home"] / "home.pdb")


def test_the_file_that_overrides_the_others_counts_and_only_where_it_names_the_value(places):
    sources = [source(places["below"], structure="all.pdb"), source(places["beside"], structure="all.pdb")]
    assert resolve_paths({"structure": "all.pdb"}, SCHEMA, sources)["structure"] == "below/all.pdb"
    sources = [source(places["below"], structure="other.pdb"), source(places["beside"], structure="all.pdb")]
    resolved = resolve_paths({"structure": "all.pdb"}, SCHEMA, sources)
    assert resolved["structure"] == str(places["beside"] / "all.pdb")


def test_a_path_that_is_relative_to_the_working_directory_stays_as_it_was_written(places):
    for name in ("here.pdb", "./here.pdb", "below/../here.pdb", str(places["beside"] / "all.pdb")):
        config = {"structure": name}
        assert resolve_paths(config, SCHEMA, [source(places["below"], **config)]) == config


def test_keys_in_lists_in_named_entries_and_in_alternatives_are_found(places):
    config = {
        "trajectories": [{"trajectory": "here.pdb", "comment": "below.pdb"}, {"trajectory": "below.pdb"}],
        "observables": {"a": {"rmsd": {"to": "below.pdb"}}, "b": None},
    }
    resolved = resolve_paths(config, SCHEMA, [source(places["below"], **config)])
    assert resolved["trajectories"] == [
        {"trajectory": "here.pdb", "comment": "below.pdb"},
        {"trajectory": "below/below.pdb"},
    ]
    assert resolved["observables"] == {"a": {"rmsd": {"to": "below/below.pdb"}}, "b": None}
    assert config["trajectories"][1]["trajectory"] == "below.pdb"


def test_a_file_for_several_workflows_names_paths_under_a_name_of_its_own(places):
    sources = [source(places["below"], mesaflow={"structure": "below.pdb"}, other={"structure": "all.pdb"})]
    assert resolve_paths({"structure": "below.pdb"}, SCHEMA, sources)["structure"] == "below/below.pdb"


def test_what_may_be_a_name_is_left_alone_where_there_is_no_such_file(places):
    config = {"force_field": ["amber99sb.xml", "below.pdb"]}
    resolved = resolve_paths(config, SCHEMA, [source(places["below"], **config)])
    assert resolved["force_field"] == ["amber99sb.xml", "below/below.pdb"]


def test_each_missing_file_has_a_line_that_names_the_places_searched(places):
    config = {"structure": "no.pdb", "trajectories": [{"trajectory": "/no.xtc"}]}
    with pytest.raises(InputError) as error:
        resolve_paths(config, SCHEMA, [source(places["below"], structure="no.pdb")])
    first, second = str(error.value).splitlines()
    assert first.startswith("structure is 'no.pdb', and there is no such file in ")
    assert all(str(places[name]) in first for name in ("here", "below")) and first.endswith("give the path of a file.")
    assert second == "trajectories[0].trajectory is '/no.xtc', and there is no such file; give the path of a file."


def test_paths_of_the_default_run_are_those_that_finished_runs_were_made_with(
    config, schema, repository, in_repository
):
    resolved = resolve_config(config, schema)
    sources = [Source(repository / "config" / "config.yaml", config)]
    assert resolve_paths(resolved, schema, sources, home=repository) == resolved

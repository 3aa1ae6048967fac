from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mesaflow.files import (
    Repeated,
    join_columns,
    read_arrays,
    read_columns,
    read_json,
    write_arrays,
    write_atomically,
    write_columns,
    write_json,
    write_rows,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_halfway(temporary):
    temporary.write_text("half")
    raise KeyboardInterrupt


def test_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, lambda temporary: temporary.write_text("text"))
    assert path.read_text() == "text"
    assert names(path.parent) == ["file.txt"]


def test_interrupted_writing_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail_halfway)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_interrupted_writing_leaves_no_new_file(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file.txt", fail_halfway)
    assert names(tmp_path) == []


def test_the_file_itself_is_untouched_until_the_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    seen = []

    def write(temporary):
        temporary.write_text("new")
        seen.append((path.read_text(), temporary.parent))

    write_atomically(path, write)
    assert seen == [("old", tmp_path)]
    assert path.read_text() == "new"


def test_json_comes_back(tmp_path):
    content = {"b": [1, 2.5, None, True], "a": {"ß": "x"}}
    write_json(tmp_path / "file.json", content)
    assert read_json(tmp_path / "file.json") == content
    assert (tmp_path / "file.json").read_text().endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_json_does_not_know(tmp_path, value):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file.json", {"value": value})
    assert names(tmp_path) == []


def test_arrays_come_back(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.array("text"), "c": np.array([np.nan, 1.5])}
    write_arrays(tmp_path / "file.npz", **arrays)
    loaded = read_arrays(tmp_path / "file.npz")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_arrays_are_written_to_the_name_given(tmp_path):
    write_arrays(tmp_path / "state", a=np.zeros(2))
    assert names(tmp_path) == ["state"]


@pytest.mark.parametrize("n_rows", [0, 1, 1_200_000])  # more than a group of rows of Parquet
def test_columns_come_back_here_and_in_pandas(tmp_path, n_rows):
    columns = {"window": np.arange(n_rows, dtype=np.int32), "cv_1": np.arange(n_rows) / 7}
    columns["bias"] = np.where(columns["cv_1"] > 0.5, np.nan, -columns["cv_1"])[::-1]  # backwards in memory
    write_columns(tmp_path / "file.parquet", columns)
    read, table = (
        read_columns(tmp_path / "file.parquet", ["bias", "window"]),
        pd.read_parquet(tmp_path / "file.parquet"),
    )
    assert list(read) == ["bias", "window"]
    assert list(table.columns) == list(columns)
    for name, values in columns.items():
        for loaded in (table[name].to_numpy(), read.get(name, values)):
            assert loaded.dtype == values.dtype
            np.testing.assert_array_equal(loaded, values)


@pytest.mark.parametrize(
    ("repeated", "texts"),
    [(Repeated([], []), []), (Repeated(["a", "", "ψ.dcd", "a"], [2, 1, 0, 1]), ["a", "a", "", "a"])],
    ids=["no rows", "some rows"],
)
def test_texts_that_repeat_come_back_in_pandas(tmp_path, repeated, texts):
    write_columns(tmp_path / "file.parquet", {"trajectory": repeated, "x": np.zeros(len(texts))})
    assert pd.read_parquet(tmp_path / "file.parquet")["trajectory"].tolist() == texts


def test_numbers_of_other_machines_are_written_as_numbers(tmp_path):
    write_columns(tmp_path / "file.parquet", {"x": np.arange(3, dtype=">f8")})
    assert read_columns(tmp_path / "file.parquet", ["x"])["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("values", [np.array([True]), np.array(["a"]), np.zeros((3, 2)), np.array([None])], ids=str)
def test_columns_of_anything_else_are_refused(tmp_path, values):
    with pytest.raises(TypeError, match="a column of numbers"):
        write_columns(tmp_path / "file.parquet", {"x": values})
    assert names(tmp_path) == []


def test_missing_numbers_are_not_a_number(tmp_path):
    pd.DataFrame({"x": [1.5, np.nan], "n": [1, 2]}).to_parquet(tmp_path / "file.parquet")
    read = read_columns(tmp_path / "file.parquet", ["n", "x"])
    np.testing.assert_array_equal(read["x"], [1.5, np.nan])
    assert read["n"].tolist() == [1, 2]


def test_tables_are_joined_column_by_column():
    joined = join_columns([{"a": np.array([1]), "b": np.array(["x"])}, {"b": np.array(["long"]), "a": np.array([2])}])
    assert {name: values.tolist() for name, values in joined.items()} == {"a": [1, 2], "b": ["x", "long"]}


def test_rows_are_csv(tmp_path):
    write_rows(tmp_path / "file.csv", [("name", "value"), ("a, b", 0.1), ("c", True)])
    assert (tmp_path / "file.csv").read_text() == 'name,value\n"a, b",0.1\nc,True\n'


def test_pickled_objects_are_refused(tmp_path):
    write_arrays(tmp_path / "file.npz", a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(ValueError, match="damaged, or no file"):
        read_arrays(tmp_path / "file.npz")

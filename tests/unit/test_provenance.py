import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

import mesaflow
from mesaflow import provenance
from mesaflow.provenance import collect_provenance, git_commit, hash_file, package_versions

HASH_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with one committed file."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("abc")
    git("add", "file")
    git("commit", "-m", "first")
    git("tag", "v1")
    return tmp_path


def test_hash_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert hash_file(tmp_path / "file") == HASH_OF_ABC


def test_commit_is_the_full_hash_also_at_a_tag(checkout):
    head = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert git_commit(checkout) == head.stdout.strip()
    assert len(git_commit(checkout)) == 40


def test_changed_files_make_a_commit_dirty_and_new_ones_do_not(checkout):
    clean = git_commit(checkout)
    (checkout / "results").write_text("new")
    assert git_commit(checkout) == clean
    (checkout / "file").write_text("changed")
    assert git_commit(checkout) == f"{clean}-dirty"


def test_outside_of_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) is None
    assert git_commit(tmp_path / "missing") is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit(checkout) is None


def test_versions_are_those_installed(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    assert package_versions() == {"numpy": metadata.version("numpy"), "no-such-package": None}


def test_every_package_that_results_depend_on_is_installed():
    assert None not in package_versions().values()


def test_provenance_names_inputs_seed_and_platform(tmp_path):
    (tmp_path / "input").write_bytes(b"abc")
    collected = collect_provenance(
        [tmp_path / "input"], random_seed=17, openmm_platform="Reference", configuration={"run": "mine"}
    )
    assert collected["sha256"] == {str(tmp_path / "input"): HASH_OF_ABC}
    assert (collected["random_seed"], collected["openmm_platform"]) == (17, "Reference")
    assert collected["mesaflow"] == mesaflow.__version__
    assert json.loads(json.dumps(collected)) == collected

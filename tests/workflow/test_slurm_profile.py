"""The profile for Slurm fits the rules and the profile that runs without a cluster."""

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def profiles(repository) -> dict[str, dict]:
    return {
        name: yaml.safe_load((repository / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    }


@pytest.fixture(scope="module")
def rules(repository) -> str:
    return "\n".join(path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk"))


def test_the_profile_names_rules_that_exist(profiles, rules):
    names = set(re.findall(r"^(?:rule|checkpoint|use rule \w+ as) (\w+)", rules, re.MULTILINE))
    named = profiles["slurm"]["set-resources"].keys() | profiles["slurm"]["set-threads"].keys()
    assert len(named) > 5
    assert named <= names


def test_results_do_not_depend_on_the_profile(profiles):
    """What decides which jobs run is the same, and so are the threads, which decide how sums are rounded."""
    shared = profiles["default"].keys() - {"cores"}
    assert {key: profiles["slurm"][key] for key in shared} == {key: profiles["default"][key] for key in shared}
    assert set(profiles["slurm"]["set-threads"].values()) == {1}


def test_attempts_are_counted_by_the_profile_alone(profiles, rules):
    """A rule's own retries are multiplied by those of the jobs that the Slurm executor starts within its jobs."""
    assert profiles["slurm"]["retries"] > 0
    assert not re.search(r"^ +retries:", rules, re.MULTILINE)


def test_run_time_and_memory_grow_with_the_attempts(rules):
    amounts = re.findall(r"^ +(runtime|mem_mb)=(.*),$", rules, re.MULTILINE)
    assert len(amounts) > 40
    assert [amount for amount in amounts if not re.fullmatch(r"growing\(\d+\)", amount[1])] == []

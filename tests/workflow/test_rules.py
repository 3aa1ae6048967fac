"""The form of the rules, and their scripts and package."""

import ast
import re

import pytest

DIRECTIVES = {"log", "benchmark", "message", "resources", "conda", "script"}


@pytest.fixture(scope="module")
def rules(repository) -> dict[str, dict]:
    """The directives of every rule by its name, those it inherits included, and the script of its own."""
    text = "\n".join(path.read_text() for path in sorted((repository / "workflow" / "rules").glob("*.smk")))
    rules = {}
    for block in re.split(r"^(?=(?:use )?(?:rule|checkpoint) )", text, flags=re.MULTILINE)[1:]:
        first, _, body = block.partition("\n")
        name = re.search(r"(\w+)(?: with)?:$", first)[1]
        inherited = re.match(r"use rule (\w+)", first)
        directives = set(re.findall(r"^    (\w+):", body, re.MULTILINE))
        if inherited:  # what names a job's files and words must be its own
            directives |= rules[inherited[1]]["directives"] - {"log", "benchmark", "message"}
        script = re.search(r'^    script:\s+"\.\./scripts/(\w+)\.py"', body, re.MULTILINE)
        rules[name] = {"directives": directives, "script": script[1] if script else None}
    return rules


def test_every_rule_has_what_a_rule_must_have(rules):
    assert len(rules) > 10
    assert {
        name: DIRECTIVES - rule["directives"] for name, rule in rules.items() if DIRECTIVES - rule["directives"]
    } == {}


def test_every_script_belongs_to_the_rule_of_its_name(rules, repository):
    scripts = sorted(path.stem for path in (repository / "workflow" / "scripts").glob("*.py"))
    assert sorted(rule["script"] for rule in rules.values() if rule["script"]) == scripts
    assert {name: rule["script"] for name, rule in rules.items() if rule["script"] not in (None, name)} == {}


def test_no_module_of_the_package_uses_snakemake(repository):
    modules = list((repository / "workflow" / "scripts" / "mesaflow").rglob("*.py"))
    assert modules
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            names = [getattr(node, field, None) for field in ("id", "attr", "arg", "name", "module")]
            assert not [name for name in names if isinstance(name, str) and "snakemake" in name.lower()], module

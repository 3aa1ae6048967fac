"""One truth in several files: schema, default configuration, its documentation, and versions."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from mesaflow.documentation import render_documentation

MODULES = {  # the name of a module: the name of its package on PyPI
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "PeptideBuilder": "peptidebuilder",
}
CONDA_NAMES = {"pytorch": "torch"}  # conda's name of a package: the name on PyPI


def walk(schema: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    """Yield every key of a schema with what the schema says of it."""
    for name, subschema in schema.get("properties", {}).items():
        yield f"{prefix}{name}", subschema
        yield from walk(subschema, f"{prefix}{name}.")
    named = schema.get("additionalProperties")
    if isinstance(named, dict):
        yield from walk(named, f"{prefix}<name>.")


def listed_keys(node: yaml.MappingNode, schema: dict, prefix: str = "") -> Iterator[str]:
    """Yield every key of a YAML file that the schema knows, as often as it is there."""
    for key, value in node.value:
        yield f"{prefix}{key.value}"
        if "properties" in schema["properties"].get(key.value, {}):
            yield from listed_keys(value, schema["properties"][key.value], f"{prefix}{key.value}.")


def value_of(config: dict, key: str):
    for part in key.split("."):
        config = config[part]
    return config


def test_every_object_refuses_unknown_keys_and_every_key_is_described(schema):
    for key, subschema in [("", schema), *walk(schema)]:
        assert subschema.get("description"), key
        if subschema.get("type") == "object":
            assert "additionalProperties" in subschema, key
            assert subschema["additionalProperties"] is not True, key
        if "properties" in subschema:
            assert subschema["additionalProperties"] is False, key


def test_every_key_has_a_default_or_is_required(schema):
    for section in (schema, *(subschema for _, subschema in walk(schema) if "properties" in subschema)):
        for name, subschema in section["properties"].items():
            assert "properties" in subschema or ("default" in subschema) != (name in section.get("required", [])), name


def test_the_default_configuration_lists_every_key_once(schema, repository):
    node = yaml.compose((repository / "config" / "config.yaml").read_text())
    assert sorted(listed_keys(node, schema)) == sorted(key for key, _ in walk(schema) if "<name>" not in key)


def test_the_default_configuration_has_the_documented_defaults(schema, repository):
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    # An empty default stands for what only the molecule at hand can tell: its observables, states, published values.
    defaults = {key: subschema["default"] for key, subschema in walk(schema) if subschema.get("default")}
    defaults = {key: default for key, default in defaults.items() if "<name>" not in key}
    assert len(defaults) > 20
    assert {key: value_of(config, key) for key in defaults} == defaults


def test_the_documentation_of_the_configuration_is_up_to_date(schema, repository):
    text = (repository / "config" / "README.md").read_text()
    assert text == render_documentation(schema), "run make docs"
    assert [key for key, _ in walk(schema) if f"`{key}`" not in text and f"## {key}\n" not in text] == []


def pinned_versions(repository: Path) -> dict[str, str]:
    requirements = (repository / "requirements.txt").read_text()
    return dict(re.findall(r"^([\w-]+)==(\S+)$", requirements.lower(), re.MULTILINE))


@pytest.mark.parametrize("environment", ["simulation", "training"])
def test_conda_environments_pin_the_versions_of_the_requirements(repository, environment):
    pins = pinned_versions(repository)
    packages = yaml.safe_load((repository / "envs" / f"{environment}.yaml").read_text())["dependencies"]
    from_pip = [package for item in packages if isinstance(item, dict) for package in item["pip"]]
    names = [package.replace("==", "=") for package in [*packages, *from_pip] if "=" in package]
    versions = dict(package.lower().split("=") for package in names)
    versions = {CONDA_NAMES.get(name, name): version for name, version in versions.items() if name != "python"}
    shared = versions.keys() & pins.keys()
    assert len(shared) > 3
    # A post-release on PyPI repairs the packaging of the same code, which conda builds anew.
    assert {name: Version(versions[name]).base_version for name in shared} == {
        name: Version(pins[name]).base_version for name in shared
    }


def test_the_installed_package_depends_on_what_it_imports_in_the_versions_of_the_requirements(repository):
    imported = set()
    for module in (repository / "workflow" / "scripts" / "mesaflow").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            imported |= {name.split(".")[0] for name in names}
    packages = {MODULES.get(name, name) for name in imported - sys.stdlib_module_names}
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    dependencies = [Requirement(text) for text in project["dependencies"]]
    assert {requirement.name for requirement in dependencies} == packages
    pins = pinned_versions(repository)
    assert {requirement.name: str(requirement.specifier) for requirement in dependencies} == {
        name: f">={Version(pins[name]).base_version}" for name in packages
    }

"""The configuration: defaults, and validation against the schema."""

import copy
import difflib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from .checks import check_network
from .errors import InputError
from .kinds import resolve_observables

_Loader = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # ten times as fast where libyaml is there; every job reads the schema
_SCHEMA = Path(__file__).with_name("config.schema.yaml")  # a link, which an installed package replaces by the file


def load_schema(path: Path = _SCHEMA) -> dict:
    """Read the JSON Schema of the configuration from YAML."""
    return yaml.load(Path(path).read_text(), _Loader)


def resolve_config(config: dict, schema: dict) -> dict:
    """Fill in defaults and validate.

    Args:
        config: The configuration as the user gave it; it is not changed.
        schema: The schema.

    Returns:
        The configuration with every key.

    Raises:
        InputError: If it does not fit the schema, with one line for each fault.
    """
    resolved = _with_defaults(_without_removed(copy.deepcopy(config)), schema)
    validator = jsonschema.Draft202012Validator(schema)
    faults = {line for error in validator.iter_errors(resolved) for line in _describe(error)}
    faults |= {f"{key} is {_show(value)}; give a finite number." for key, value in _not_finite(resolved)}
    if faults:
        raise InputError("\n".join(sorted(faults)))
    if "observables" in resolved:
        resolved["observables"] = resolve_observables(resolved["observables"])
    return resolved


def resolve_training(training: dict) -> dict:
    """Fill the defaults of the ``training`` section in and validate it alone.

    Raises:
        InputError: If it does not fit the schema or itself, with one line for each fault.
    """
    resolved = resolve_config(training, load_schema()["properties"]["training"])
    check_network(resolved, resolved, "training")
    return resolved


def _without_removed(config: dict) -> dict:
    """Drop the named entries that a configuration sets to null.

    Snakemake merges a user's file into the default, which can add an observable, a map or a state but not remove one.
    """
    free_energy = config.get("free_energy")
    named = [config.get("observables"), config.get("coverage")]
    named.append(free_energy.get("states") if isinstance(free_energy, dict) else None)
    validation = config.get("validation")
    named += [validation.get("free_energies"), validation.get("cores")] if isinstance(validation, dict) else []
    for section in named:
        if isinstance(section, dict):
            for name in [name for name, value in section.items() if value is None]:
                del section[name]
    return config


def _with_defaults(value: Any, schema: dict) -> Any:
    """Fill defaults into mappings, recursively; anything of another type is left for the validator."""
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_with_defaults(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    for key, subschema in schema.get("properties", {}).items():
        if key not in value and "default" in subschema:
            value[key] = copy.deepcopy(subschema["default"])
        elif key not in value and subschema.get("type") == "object":
            value[key] = {}
        if key in value:
            value[key] = _with_defaults(value[key], subschema)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for key in value.keys() - schema.get("properties", {}).keys():
            value[key] = _with_defaults(value[key], others)
    return value


def _not_finite(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Yield the keys whose values are NaN or infinite, which no bound of a schema refuses reliably."""
    if isinstance(value, float) and not math.isfinite(value):
        yield key, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from _not_finite(item, f"{key}.{name}" if key else str(name))


def _describe(error: jsonschema.ValidationError) -> list[str]:
    """Say in one line each what is wrong, with the key, its value, what is allowed and the remedy."""
    key = ".".join(str(part) for part in error.absolute_path)
    prefix = f"{key}." if key else ""
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            return [_describe_unknown(prefix, name, list(known)) for name in sorted(value.keys() - known.keys())]
        case "required":
            missing = [name for name in rule if name not in value]
            return [f"{prefix}{name} is missing; give it a value." for name in missing]
        case "type":
            return [f"{key} is {_show(value)}; give {_describe_type(rule)}."]
        case "enum":
            return [f"{key} is {_show(value)}; choose one of {', '.join(map(_show, rule))}."]
        case "minimum":
            return [f"{key} is {_show(value)}; give at least {rule}."]
        case "exclusiveMinimum":
            return [f"{key} is {_show(value)}; give more than {rule}."]
        case "maximum":
            return [f"{key} is {_show(value)}; give at most {rule}."]
        case "exclusiveMaximum":
            return [f"{key} is {_show(value)}; give less than {rule}."]
        case "minItems" | "maxItems":
            words = "at least" if error.validator == "minItems" else "at most"
            return [f"{key} is {_show(value)} with {len(value)} items; give {words} {rule}."]
        case "minProperties":
            return [f"{key} is {_show(value)}; give at least {rule} key with a value."]
        case "uniqueItems":
            return [f"{key} is {_show(value)}; name each item once."]
        case "anyOf" if "x-allowed" in error.schema:
            return [f"{key} is {_show(value)}; give {error.schema['x-allowed']}."]
        case "pattern":
            allowed = error.schema.get("x-allowed", f"text that matches {rule}")
            if "propertyNames" in error.absolute_schema_path:
                return [f"{prefix}{value} is no name that can be used here; give {allowed}."]
            return [f"{key} is {_show(value)}; give {allowed}."]
        case _:
            return [f"{key} is {_show(value)}: {error.message}."]


def _describe_unknown(prefix: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    remedy = f"did you mean {prefix}{close[0]}?" if close else f"known keys: {', '.join(known)}."
    return f"{prefix}{name} is not a known key; {remedy}"


def _describe_type(types: str | list[str]) -> str:
    words = {"object": "keys with values", "array": "a list", "string": "text (quote it if YAML reads it as a number)"}
    words |= {"integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}
    return " or ".join(words[name] for name in ([types] if isinstance(types, str) else types))


def _show(value: Any) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value)

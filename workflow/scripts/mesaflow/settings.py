"""The configuration: defaults, validation against the schema, and checks that need the files it names."""

import copy
import difflib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import yaml

from .errors import InputError

if TYPE_CHECKING:
    import mdtraj

FEWEST_PRODUCTION_FRAMES = 10
"""Frames of a production window, after its ramp, below which no correlation time can be estimated."""


_SCHEMA = Path(__file__).with_name("config.schema.yaml")  # a link, which an installed package replaces by the file


def load_schema(path: Path = _SCHEMA) -> dict:
    """Read the JSON Schema of the configuration from YAML."""
    return yaml.safe_load(Path(path).read_text())


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
    return resolved


def resolve_training(training: dict) -> dict:
    """Fill the defaults of the ``training`` section in and validate it alone.

    Raises:
        InputError: If it does not fit the schema or itself, with one line for each fault.
    """
    resolved = resolve_config(training, load_schema()["properties"]["training"])
    _check_network(resolved, resolved, "training")
    return resolved


def _without_removed(config: dict) -> dict:
    """Drop the named entries that a configuration sets to null.

    Snakemake merges a user's file into the default, which can add an observable, a map or a state but not remove one.
    """
    free_energy = config.get("free_energy")
    named = [config.get("observables"), config.get("coverage")]
    named.append(free_energy.get("states") if isinstance(free_energy, dict) else None)
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


def check_references(config: dict) -> None:
    """Check what a schema cannot: names in the configuration that must be defined elsewhere in it, and lengths of time.

    Raises:
        InputError: If a name is not defined, or a length of time is shorter than what it must hold.
    """
    observables = config["observables"]
    used = [("coverage", config["coverage"])]
    used += [("free_energy.surfaces", dict(enumerate(config["free_energy"]["surfaces"])))]
    used += [("free_energy.states", config["free_energy"]["states"])]
    for key, groups in used:
        for group, names in groups.items():
            for name in names:
                if name not in observables:
                    raise InputError(
                        f"{key}.{group} names {name!r}, which is no observable; "
                        f"define it under observables or choose of {', '.join(observables)}."
                    )
    states = config["free_energy"]["states"]
    if states and config["free_energy"]["reference_state"] not in states:
        raise InputError(
            f"free_energy.reference_state is {config['free_energy']['reference_state']!r}, which is no state; "
            f"choose of {', '.join(states)}."
        )
    for name, observable in observables.items():
        count = 360 / observable["bin_width_deg"]
        if not math.isclose(count, round(count)):
            raise InputError(
                f"observables.{name}.bin_width_deg is {observable['bin_width_deg']}; give a divisor of 360."
            )
    for section in ("training", "production"):
        _check_network(config[section], config["training"], section)
    if config["seeding"]["n_replicas"] == 0 and not config["training"]["trajectories"]:
        raise InputError(
            "seeding.n_replicas is 0 and training.trajectories is empty; give at least one seed simulation or trajectory."
        )
    left_out = [stage for stage in ("seeding", "baseline") if config[stage]["n_replicas"] == 0]
    for stage in [s for s in ("seeding", "baseline", "exploration", "production") if s not in left_out]:
        length, interval = config[stage]["length_ps"], config[stage]["save_interval_ps"]
        if length < interval:
            raise InputError(
                f"{stage}.length_ps is {length:g}, shorter than {stage}.save_interval_ps {interval:g}; lengthen it."
            )
        if not math.isclose(length / interval, round(length / interval)):
            raise InputError(
                f"{stage}.length_ps is {length:g}, no multiple of {stage}.save_interval_ps {interval:g}; change one of them."
            )
        steps = interval * 1000 / config["dynamics"]["timestep_fs"]
        if not math.isclose(steps, round(steps), abs_tol=1e-6):
            raise InputError(
                f"{stage}.save_interval_ps is {interval:g}, no whole number of steps of "
                f"dynamics.timestep_fs {config['dynamics']['timestep_fs']:g}; change one of them."
            )
    if config["dynamics"]["timestep_fs"] > 2 and config["system"]["constraints"] == "none":
        raise InputError(
            f"dynamics.timestep_fs is {config['dynamics']['timestep_fs']:g} with system.constraints none; "
            "give at most 2, or constrain bonds."
        )
    production = config["production"]
    n_frames = (production["length_ps"] - production["ramp_ps"]) / production["save_interval_ps"]
    if 0 < n_frames < FEWEST_PRODUCTION_FRAMES:
        raise InputError(
            f"production.length_ps is {production['length_ps']:g}, which leaves {n_frames:.0f} frames after the ramp; "
            f"{FEWEST_PRODUCTION_FRAMES} are needed: lengthen it or shorten production.save_interval_ps."
        )
    for stage in ("exploration", "production"):
        if config[stage]["ramp_ps"] >= config[stage]["length_ps"]:
            raise InputError(
                f"{stage}.ramp_ps is {config[stage]['ramp_ps']:g}, not shorter than {stage}.length_ps "
                f"{config[stage]['length_ps']:g}; shorten the ramp."
            )


def _check_network(network: dict, training: dict, section: str) -> None:
    """Check that the keys of a network fit one another; production has some of its own."""
    kinds, n_cvs, wanted = network["cv_layer"], network["n_cvs"], f"{section}.n_cvs {network['n_cvs']}"
    if n_cvs == "auto":
        n_cvs, wanted = training["max_n_cvs"], f"training.max_n_cvs {training['max_n_cvs']}"
    if not isinstance(kinds, str) and len(kinds) != n_cvs:
        raise InputError(
            f"{section}.cv_layer lists {len(kinds)} kinds for {wanted}; give one for each, or one word for all."
        )
    if training["hierarchy"] == "shared" and not network["hidden_layers"]:
        raise InputError(
            f"{section}.hidden_layers is [], and training.hierarchy 'shared' shares the layer after them; give at least one."
        )
    for i, group in enumerate(training["outputs"]):
        _check_output(group, f"training.outputs[{i}]", training["invariance"])


def _check_output(group: dict, key: str, invariance: str) -> None:
    """Refuse keys of an output that would have no effect."""
    others = ("distances",) if group["kind"] == "positions" else ("atoms", "align", "reference", "atom_weights")
    unused = [name for name in others if group[name] not in (None, {}, "all")]
    if unused:
        raise InputError(f"{key}.{unused[0]} has no effect on an output of kind {group['kind']}; drop it.")
    if invariance == "none":
        if group["kind"] != "positions":
            raise InputError(
                f"{key} has distances with training.invariance 'none', which returns a conformation in the pose it came in; "
                "give outputs of kind positions only."
            )
        if group["align"] or group["reference"]:
            raise InputError(
                f"{key} names align or reference with training.invariance 'none', which superposes nothing; drop them."
            )


def check_inputs(config: dict) -> None:
    """Check the files and selections that the configuration names, before any job.

    Raises:
        InputError: If a file is missing or unreadable, or a selection does not fit the structure.
    """
    from .imported import check_imported
    from .systems import build_system, find_force_field_file, load_positions, load_structure
    from .trajectories import load_topology, select_atoms, select_single_atoms

    system = config["system"]
    structure = load_structure(system["structure"])
    for name in system["force_field"]:
        find_force_field_file(name)
    build_system(structure, system["force_field"], system["solvent"], system["constraints"])
    topology = load_topology(system["structure"])
    atoms = select_atoms(topology, config["training"]["atoms"], "training.atoms")
    _check_learning(config, topology, atoms, load_positions(system["structure"])[atoms])
    for name, observable in config["observables"].items():
        select_single_atoms(topology, observable["dihedral"], f"observables.{name}.dihedral")
    check_imported(config["training"]["trajectories"], topology, config["training"]["atoms"])
    check_figures(config["figures"])


def _check_learning(config: dict, topology: "mdtraj.Topology", atoms: np.ndarray, positions: np.ndarray) -> None:
    """Check what networks see and return, with the start positions [nm] of the atoms that they see."""
    from .alignment import check_reference
    from .features import find_features
    from .outputs import find_outputs
    from .trajectories import load_reference

    training = config["training"]

    def reference(path: str | None, key: str) -> np.ndarray:
        path = path or training["reference"]
        return positions if path is None else load_reference(path, topology, training["atoms"], key)

    check_reference(reference(None, "training.reference"), "training.atoms")
    for stage in ("training", "production"):
        find_features(topology, atoms, training | {"inputs": config[stage]["inputs"]})
    find_outputs(topology, atoms, training, reference)


def check_windows_can_start(config: dict) -> None:
    """Check that windows can start from every frame that the first encoder learns from.

    Raises:
        InputError: If an imported trajectory does not hold the atoms of the system.
    """
    from .imported import check_imported_systems
    from .trajectories import load_topology

    trajectories = config["training"]["trajectories"]
    if trajectories:
        check_imported_systems(trajectories, load_topology(config["system"]["structure"]))


def check_figures(figures: dict) -> None:
    """Check what the figures need, which would otherwise fail after all simulations.

    Raises:
        InputError: If the colour map is unknown, or the file of published values is missing or of another form.
    """
    import matplotlib
    import pandas as pd

    if figures["colour_map"] not in matplotlib.colormaps:
        raise InputError(
            f"figures.colour_map is {figures['colour_map']!r}, which Matplotlib does not know; choose viridis, cividis or another."
        )
    published = figures["published"]
    if published is None:
        return
    if not Path(published).is_file():
        raise InputError(f"figures.published is {published!r}, and there is no such file; give a CSV file or null.")
    columns = ("observable", "value_deg", "free_energy_kJ_per_mol", "label")
    try:
        header = pd.read_csv(published, nrows=0).columns
    except (ValueError, OSError):
        header = []
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"figures.published is {published!r}, without the columns {', '.join(missing)}; add them.")


def render_documentation(schema: dict) -> str:
    """Render every key of a schema, section by section, as Markdown."""
    lines = [
        "# Configuration",
        "",
        "One YAML file configures a run; `config.yaml` is the default. Give your own with `snakemake --configfile FILE`, which",
        "overrides single keys, or single keys with `snakemake --config run=NAME random_seed=2`. An unknown key or a value out",
        "of bounds ends the run with one line before any job starts. `make docs` writes this page from the schema in",
        "`workflow/schemas/config.schema.yaml`; a test holds the two together.",
        "",
    ]
    sections = {"": {"properties": {k: v for k, v in schema["properties"].items() if "properties" not in v}}}
    sections |= {k: v for k, v in schema["properties"].items() if "properties" in v}
    for name, section in sections.items():
        lines += [f"## {name or 'The run'}", ""]
        if "description" in section:
            lines += [section["description"] + ".", ""]
        lines += ["| key | unit | default | meaning |", "| --- | --- | --- | --- |"]
        for key, unit, default, meaning in _describe_keys(section, f"{name}." if name else ""):
            lines.append(f"| `{key}` | {unit} | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _describe_keys(schema: dict, prefix: str) -> list[tuple[str, str, str, str]]:
    """List the keys of a section with unit, default and meaning."""
    rows = []
    for name, subschema in schema["properties"].items():
        default = f"`{json.dumps(subschema['default'])}`" if "default" in subschema else "required"
        rows.append((f"{prefix}{name}", subschema.get("x-unit", ""), default, _describe_rule(subschema)))
        items = subschema.get("additionalProperties")
        if isinstance(items, dict) and "properties" in items:
            rows += _describe_keys(items, f"{prefix}{name}.<name>.")
        if "properties" in subschema.get("items", {}):
            rows += _describe_keys(subschema["items"], f"{prefix}{name}[i].")
    return rows


def _describe_rule(subschema: dict) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    bounds = [f"{word} {subschema[rule]}" for rule, word in words.items() if rule in subschema]
    choices = subschema.get("enum") or subschema.get("items", {}).get("enum")
    if choices:
        bounds.append("one of " + ", ".join(f"`{choice}`" for choice in choices))
    return subschema["description"] + (f" ({', '.join(bounds)})" if bounds else "")

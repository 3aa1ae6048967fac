"""The page that explains every configuration key, from the schema."""

import json


def render_documentation(schema: dict) -> str:
    """Render every key of a schema, section by section, as Markdown."""
    lines = [
        "# Configuration",
        "",
        "One YAML file configures a run; `config.yaml` is the default. Give your own with `snakemake --configfile FILE`, which",
        "overrides single keys, or single keys with `snakemake --config run=NAME random_seed=2`. An unknown key or a value out",
        "of bounds ends the run with one line before any job starts. Paths of files are relative to the file that names them, or",
        "else to the working directory. A key that your file leaves out has the value of `config.yaml`; the defaults below are of",
        "keys that neither gives. Observables, maps, states and published values of `config.yaml` go when you set them to `null`.",
        "`make docs` writes this page from the schema in `workflow/schemas/config.schema.yaml`; a test holds the two together.",
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
        if "properties" in subschema:
            rows.append((f"{prefix}{name}", "", "", subschema["description"]))
            rows += _describe_keys(subschema, f"{prefix}{name}.")
            continue
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

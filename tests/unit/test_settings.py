import copy
import math
import re
from typing import Any

import jsonschema
import pytest

from mesaflow.checks import check_figures, check_inputs, check_references
from mesaflow.documentation import render_documentation
from mesaflow.errors import InputError
from mesaflow.settings import resolve_config

SMALLEST = {
    "run": "mine",
    "random_seed": 1,
    "system": {"structure": "a.pdb", "force_field": ["amber99sb.xml"]},
    "training": {"atoms": "name CA"},
}


def changed(config: dict, key: str, value: Any) -> dict:
    """A copy of a configuration with one key, given with dots, set to a value."""
    config = copy.deepcopy(config)
    *groups, name = key.split(".")
    section = config
    for group in groups:
        section = section.setdefault(group, {})
    section[name] = value
    return config


def without(config: dict, key: str) -> dict:
    """A copy of a configuration without one key, given with dots."""
    config = copy.deepcopy(config)
    *groups, name = key.split(".")
    section = config
    for group in groups:
        section = section[group]
    del section[name]
    return config


def faults(config: dict, schema: dict) -> list[str]:
    with pytest.raises(InputError) as error:
        resolve_config(config, schema)
    return str(error.value).split("\n")


@pytest.fixture
def resolved(config, schema) -> dict:
    return resolve_config(config, schema)


def leaves(section: dict, prefix: str = "") -> set[str]:
    """Every key with a value, with dots."""
    found = set()
    for name, value in section.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}"}
    return found


def documented(schema: dict) -> dict[str, list[str]]:
    """Unit, default and meaning of each key, read from the documentation's tables."""
    lines = [line for line in render_documentation(schema).split("\n") if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {key.strip("`"): rest for key, *rest in rows}


def test_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_shipped_configuration_is_valid(config, schema, in_repository):
    resolved = resolve_config(config, schema)
    check_references(resolved)
    check_inputs(resolved)


def test_shipped_configuration_is_complete_but_for_nothing(config, resolved):
    assert leaves(resolved) == leaves(config)


def test_keys_left_out_get_their_defaults(schema):
    resolved = resolve_config(SMALLEST, schema)
    assert resolved["dynamics"]["timestep_fs"] == 4
    assert resolved["system"]["solvent"] == "vacuum"
    assert resolved["training"]["hidden_layers"] == [40]
    assert resolved["observables"] == {}
    assert resolved["figures"]["published"] is None
    defaults = {key: default for key, (_, default, _) in documented(schema).items() if not {"<", "["} & {*key}}
    groups = {"system.box", "system.equilibration", "production.opes"}  # which have no default of their own
    assert leaves(resolved) == {key for key, default in defaults.items() if default != "`{}`"} - groups


def test_defaults_reach_into_named_groups(schema):
    observables = {"phi": {"dihedral": ["a", "b", "c", "d"]}}
    resolved = resolve_config(SMALLEST | {"observables": observables}, schema)
    assert resolved["observables"]["phi"]["bin_width_deg"] == 10


def test_defaults_reach_into_lists_of_groups(schema):
    resolved = resolve_config(
        changed(SMALLEST, "training.outputs", [{"atoms": "name CA"}, {"kind": "distances"}]), schema
    )
    first, second = resolved["training"]["outputs"]
    assert (first["kind"], first["atoms"], first["align"], first["weight"]) == ("positions", "name CA", None, 1)
    assert (second["kind"], second["distances"]) == ("distances", "all")


def test_a_value_given_is_not_overwritten(schema):
    resolved = resolve_config(changed(SMALLEST, "dynamics.timestep_fs", 0.5), schema)
    assert resolved["dynamics"]["timestep_fs"] == 0.5


def test_configuration_given_is_not_changed(schema):
    before = copy.deepcopy(SMALLEST)
    resolved = resolve_config(SMALLEST, schema)
    resolved["training"]["hidden_layers"].append(3)
    assert before == SMALLEST
    assert resolve_config(SMALLEST, schema)["training"]["hidden_layers"] == [40]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("exploration.n_windows", 0, "exploration.n_windows is 0; give at least 1."),
        ("exploration.n_rounds", 1000, "exploration.n_rounds is 1000; give at most 999."),
        ("seeding.length_ps", 0, "seeding.length_ps is 0; give more than 0."),
        ("training.validation_fraction", 0.9, "training.validation_fraction is 0.9; give less than 0.9."),
        ("exploration.n_rounds", 2.5, "exploration.n_rounds is 2.5; give a whole number."),
        ("exploration.n_rounds", True, "exploration.n_rounds is true; give a whole number."),
        ("exploration.n_rounds", "2", "exploration.n_rounds is '2'; give a whole number."),
        ("seeding.length_ps", "long", "seeding.length_ps is 'long'; give a number."),
        ("seeding.length_ps", None, "seeding.length_ps is null; give a number."),
        ("run", 2026, "run is 2026; give text (quote it if YAML reads it as a number)."),
        ("system.force_field", "amber99sb.xml", "system.force_field is 'amber99sb.xml'; give a list."),
        ("seeding", [1], "seeding is [1]; give keys with values."),
        ("figures.published", 3, "figures.published is 3; give text (quote it if YAML reads it as a number) or null."),
        (
            "system.solvent",
            "water",
            "system.solvent is 'water'; choose one of 'vacuum', 'obc2', 'gbn2', 'tip3p', 'tip3pfb', 'spce', 'opc', 'opc3', "
            "'tip4pew', 'tip4pfb', 'as_given'.",
        ),
        ("training.inputs", [], "training.inputs is [] with 0 items; give at least 1."),
        (
            "production.inputs",
            ["angles"],
            "production.inputs.0 is 'angles'; choose one of 'positions', 'dihedrals', 'distances'.",
        ),
        (
            "production.cv_layer",
            "round",
            "production.cv_layer is 'round'; give linear, tanh or circular, or a list with one of them for each collective "
            "variable.",
        ),
        ("training.distance_scale_nm", 0, "training.distance_scale_nm is 0; give a number more than 0, or auto."),
        ("training.scale_nm", "big", "training.scale_nm is 'big'; give a number more than 0, or auto."),
        (
            "training.hierarchy",
            "deep",
            "training.hierarchy is 'deep'; choose one of 'none', 'shared', 'separate', 'boosted'.",
        ),
        ("training.optimizer", "lbfgs", "training.optimizer is 'lbfgs'; choose one of 'adamw', 'adam', 'sgd'."),
        (
            "training.learning_rate_schedule",
            "step",
            "training.learning_rate_schedule is 'step'; choose one of 'plateau', 'cosine', 'constant'.",
        ),
        ("training.momentum", 1, "training.momentum is 1; give less than 1."),
        ("training.thinning", "random", "training.thinning is 'random'; choose one of 'even', 'k_means'."),
        ("training.frame_weights", "some", "training.frame_weights is 'some'; choose one of 'equal', 'unbiased'."),
        ("training.max_n_cvs", 3, "training.max_n_cvs is 3; give at least 4."),
        ("training.n_cvs", "all", "training.n_cvs is 'all'; give a whole number from 1 to 10, or auto."),
        ("production.n_cvs", 0, "production.n_cvs is 0; give a whole number from 1 to 10, or auto."),
        ("training.outputs", [], "training.outputs is [] with 0 items; give at least 1."),
        (
            "training.outputs",
            [{"kind": "angles"}],
            "training.outputs.0.kind is 'angles'; choose one of 'positions', 'dihedrals', 'distances'.",
        ),
        (
            "training.dihedrals",
            ["theta"],
            'training.dihedrals is ["theta"]; give bonded, or a list of names (phi, psi, omega, chi1, chi2) and of four '
            "selections each.",
        ),
        (
            "training.distances",
            3,
            "training.distances is 3; give all, a selection, or a list of pairs of selections.",
        ),
        ("production.inputs", [], "production.inputs is [] with 0 items; give at least 1."),
        ("coverage.map", ["a", "b", "c"], 'coverage.map is ["a", "b", "c"] with 3 items; give at most 2.'),
        (
            "run",
            "my run",
            "run is 'my run'; give a letter or digit, then up to 63 letters, digits, dots, dashes or underscores.",
        ),
        ("training.hidden_layers", [40, 0], "training.hidden_layers.1 is 0; give at least 1."),
        ("training.n_cv", 3, "training.n_cv is not a known key; did you mean training.n_cvs?"),
        ("random_sed", 3, "random_sed is not a known key; did you mean random_seed?"),
        (
            "dynamics.xyz",
            3,
            "dynamics.xyz is not a known key; known keys: temperature_K, friction_per_ps, timestep_fs, platform, "
            "precision, restart_interval_ps.",
        ),
        (
            "observables.phi",
            {},
            "observables.phi has no kind; give it one of dihedral, angle, distance, end_to_end, rmsd, radius_of_gyration, "
            "native_contacts.",
        ),
        (
            "observables.d",
            {"distanc": ["a", "b"]},
            "observables.d.distanc is not a known key; did you mean observables.d.distance?",
        ),
        ("observables.d", {"distance": ["a"]}, 'observables.d.distance is ["a"] with 1 items; give at least 2.'),
        ("observables.r", {"rmsd": {}}, "observables.r.rmsd.atoms is missing; give it a value."),
    ],
)
def test_each_fault_is_one_line_with_key_value_and_remedy(schema, key, value, line):
    assert faults(changed(SMALLEST, key, value), schema) == [line]


@pytest.mark.parametrize("key", ["run", "random_seed", "training.atoms"])
def test_a_missing_key_is_one_line(schema, key):
    assert faults(without(SMALLEST, key), schema) == [f"{key} is missing; give it a value."]


def test_a_missing_section_is_told_by_its_required_keys(schema):
    assert faults(without(SMALLEST, "training"), schema) == ["training.atoms is missing; give it a value."]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (
            "system",
            "a molecule comes from one of system.structure, system.sequence and system.pdb_id, but none is given",
        ),
        (
            "system.structure",
            "a molecule comes from one of system.structure, system.sequence and system.pdb_id, but none",
        ),
        ("system.force_field", "system.force_field is empty; name force-field files"),
    ],
)
def test_what_a_molecule_comes_from_must_be_given(schema, key, line):
    with pytest.raises(InputError, match=f"^{re.escape(line)}"):
        check_references(resolve_config(without(SMALLEST, key), schema))


def test_two_missing_keys_are_two_lines(schema):
    lines = faults(without(without(SMALLEST, "run"), "random_seed"), schema)
    assert lines == ["random_seed is missing; give it a value.", "run is missing; give it a value."]


def test_all_faults_are_told_at_once(schema):
    config = changed(changed(SMALLEST, "exploration.n_windows", 0), "training.n_cv", 3)
    assert faults(config, schema) == [
        "exploration.n_windows is 0; give at least 1.",
        "training.n_cv is not a known key; did you mean training.n_cvs?",
    ]


def test_two_unknown_keys_of_a_section_are_two_lines(schema):
    config = changed(changed(SMALLEST, "seeding.lenght_ps", 1), "seeding.n_replica", 1)
    assert faults(config, schema) == [
        "seeding.lenght_ps is not a known key; did you mean seeding.length_ps?",
        "seeding.n_replica is not a known key; did you mean seeding.n_replicas?",
    ]


def test_a_bad_name_is_told_with_its_section(schema):
    (line,) = faults(changed(SMALLEST, "observables.my angle", {"dihedral": ["a", "b", "c", "d"]}), schema)
    assert line.startswith("observables.my angle ") and "^[" not in line


def test_an_empty_state_is_told_with_a_remedy(schema):
    (line,) = faults(changed(SMALLEST, "free_energy.states.A", {}), schema)
    assert line.startswith("free_energy.states.A is {}; give ")


@pytest.mark.parametrize("key", ["seeding.length_ps", "exploration.energy_budget_kJ_per_mol", "training.scale_nm"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(schema, key, value):
    (line,) = faults(changed(SMALLEST, key, value), schema)
    assert line.startswith(f"{key} is ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coverage.map": ["phi", "chi"]}, "coverage.map names 'chi', which is no observable; .* choose of phi, psi"),
        ({"free_energy.surfaces": [["phi"], ["chi"]]}, "free_energy.surfaces.1 names 'chi', which is no observable"),
        ({"free_energy.states.A": {"chi": [0, 1]}}, "free_energy.states.A names 'chi', which is no observable"),
        (
            {"free_energy.states.A": {"phi": [-200, 0]}},
            r"free_energy.states.A.phi is \[-200, 0\]; give values from -180 to 180 deg",
        ),
        (
            {"observables.d": {"distance": ["a", "b"]}, "free_energy.states.A": {"d": [1, 0]}},
            r"free_energy.states.A.d is \[1, 0\], and only dihedrals go around a circle",
        ),
        (
            {"observables.d": {"distance": ["a", "b"]}, "coverage.map": ["d", "e"]},
            "coverage.map names 'e', which is no observable; .* choose of phi, psi, d",
        ),
        (
            {"observables.phi.bin_width_deg": 0.1, "observables.psi.bin_width_deg": 0.1},
            "coverage.phi_psi has 12960000 bins, more than 1000000; give observables wider bins",
        ),
        (
            {"free_energy.reference_state": "c7eq"},
            "free_energy.reference_state is 'c7eq', which is no state; choose of C7eq, C7ax, C5",
        ),
        ({"observables.phi.bin_width_deg": 7}, "observables.phi.bin_width_deg is 7; give a divisor of 360"),
        (
            {"seeding.length_ps": 0.5, "seeding.save_interval_ps": 1},
            "seeding.length_ps is 0.5, shorter than seeding.save_interval_ps 1; lengthen it",
        ),
        (
            {"exploration.length_ps": 0.5, "exploration.save_interval_ps": 1},
            "exploration.length_ps is 0.5, shorter than exploration.save_interval_ps 1; lengthen it",
        ),
        (
            {"production.length_ps": 0.5, "production.save_interval_ps": 1},
            "production.length_ps is 0.5, shorter than production.save_interval_ps 1; lengthen it",
        ),
        (
            {"dynamics.timestep_fs": 3, "seeding.save_interval_ps": 1},
            "seeding.save_interval_ps is 1, no whole number of steps of dynamics.timestep_fs 3; change one",
        ),
        (
            {"exploration.ramp_ps": 50, "exploration.length_ps": 50},
            "exploration.ramp_ps is 50, not shorter than exploration.length_ps 50; shorten",
        ),
        (
            {"training.cv_layer": ["linear", "circular"], "training.n_cvs": 3},
            "training.cv_layer lists 2 kinds for training.n_cvs 3; give one for each",
        ),
        (
            {"production.cv_layer": ["linear", "circular"], "production.n_cvs": "auto"},
            "production.cv_layer lists 2 kinds for training.max_n_cvs 6; give one for each",
        ),
        (
            {"training.hierarchy": "shared", "production.hidden_layers": []},
            "production.hidden_layers is .., and training.hierarchy 'shared' shares the layer after them",
        ),
        (
            {"training.invariance": "none", "training.outputs": [{"kind": "positions"}, {"kind": "distances"}]},
            r"training.outputs\[1\] has distances with training.invariance 'none'",
        ),
        (
            {"training.outputs": [{"kind": "distances", "align": "name CA"}, {"kind": "positions"}]},
            r"training.outputs\[0\].align has no effect on an output of kind distances",
        ),
        (
            {"training.outputs": [{"kind": "positions", "distances": "name CA N"}]},
            r"training.outputs\[0\].distances has no effect on an output of kind positions",
        ),
        (
            {"training.invariance": "none", "training.outputs": [{"kind": "positions", "align": "name CA"}]},
            r"training.outputs\[0\] names align or reference with training.invariance 'none'",
        ),
        (
            {"production.ramp_ps": 60, "production.length_ps": 50},
            "production.ramp_ps is 60, not shorter than production.length_ps 50; shorten",
        ),
    ],
)
def test_references_that_do_not_fit_are_refused(resolved, schema, changes, message):
    for key, value in changes.items():
        resolved = changed(resolved, key, value)
    with pytest.raises(InputError, match=message):
        check_references(resolve_config(resolved, schema))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("observables.phi.bin_width_deg", 0.1),
        ("exploration.save_interval_ps", 0.1),
        ("exploration.ramp_ps", 0),
        ("production.ramp_ps", 0.01),
    ],
)
def test_references_that_fit_are_accepted(resolved, key, value):
    check_references(changed(resolved, key, value))


def test_without_states_no_reference_state_is_needed(resolved):
    check_references(changed(changed(resolved, "free_energy.states", {}), "free_energy.reference_state", ""))


@pytest.mark.parametrize(("key", "value"), [("baseline.length_ps", 0.5), ("baseline.save_interval_ps", 0.001)])
def test_lengths_of_the_baseline_are_checked_too(resolved, key, value):
    with pytest.raises(InputError, match="baseline"):
        check_references(changed(resolved, key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("system.structure", "missing.pdb", "system.structure is 'missing.pdb', and there is no such file"),
        ("system.force_field", ["amber98.xml"], "system.force_field names 'amber98.xml', which is neither"),
        ("system.force_field", ["tip3p.xml"], r"system.force_field \['tip3p.xml'\] does not fit system.structure"),
        ("training.atoms", "name XX", "training.atoms is 'name XX', which matches no atom"),
        ("training.atoms", "name ==", "training.atoms is 'name ==', which mdtraj cannot parse"),
        ("training.atoms", "name CA CB", "training.atoms has 2 atoms; superposition needs at least 3"),
        (
            "observables.phi.dihedral",
            ["name C", "name N", "name CA", "name CB"],
            r"observables.phi.dihedral\[0\] is 'name C', which matches 3 atoms",
        ),
        (
            "observables.d",
            {"distance": ["name XX", "name N"]},
            r"observables.d.distance\[0\] is 'name XX', which matches no atom",
        ),
        (
            "observables.r",
            {"rmsd": {"atoms": "name CA CB C", "reference": "missing.pdb", "align": None}},
            "observables.r.rmsd.reference is 'missing.pdb', and there is no such file",
        ),
        (
            "observables.q",
            {"native_contacts": {"atoms": "not element H", "reference": None}},
            "observables.q.native_contacts finds no contact: in the prepared structure",
        ),
        ("figures.published", "missing.csv", "figures.published is 'missing.csv', and there is no such file"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(resolved, in_repository, key, value, message):
    with pytest.raises(InputError, match=message):
        check_inputs(changed(resolved, key, value))


def test_every_key_is_described_with_unit_and_default(schema):
    rows = documented(schema)
    assert rows["dynamics.timestep_fs"][:2] == ["fs", "`4`"]
    assert rows["dynamics.timestep_fs"][2].endswith("(more than 0, at most 5)")
    assert rows["run"][1] == "required"
    assert "one of `vacuum`, `obc2`, `gbn2`" in rows["system.solvent"][2]
    assert "observables.<name>.bin_width_deg" in rows
    assert all(meaning for *_, meaning in rows.values())


@pytest.mark.parametrize(
    ("suffix", "unit"), [("_ps", "ps"), ("_fs", "fs"), ("_nm", "nm"), ("_K", "K"), ("_deg", "deg")]
)
def test_units_in_names_are_the_units_described(schema, suffix, unit):
    units = {key: described for key, (described, *_) in documented(schema).items() if key.endswith(suffix)}
    units.pop("dynamics.friction_per_ps", None)
    assert units and set(units.values()) == {unit}


def test_documentation_in_the_repository_is_up_to_date(schema, repository):
    assert (repository / "config" / "README.md").read_text() == render_documentation(schema)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"colour_map": "nope", "published": None}, "figures.colour_map is 'nope'"),
        ({"colour_map": "viridis", "published": "missing.csv"}, "there is no such file"),
        ({"colour_map": "viridis", "published": "other.csv"}, "without the columns value_deg, label"),
    ],
)
def test_what_figures_need_is_checked(tmp_path, monkeypatch, figures, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("observable,free_energy_kJ_per_mol\nphi,1\n")
    with pytest.raises(InputError, match=message):
        check_figures(figures)


def test_a_length_that_is_no_multiple_of_its_interval_is_refused(resolved):
    with pytest.raises(InputError, match=r"production\.length_ps is 12, no multiple of production\.save_interval_ps 7"):
        check_references(changed(resolved, "production.save_interval_ps", 7))


def test_entries_set_to_null_are_removed(config, schema):
    config["observables"] = {"theta": config["observables"]["phi"], "phi": None, "psi": None}
    config["coverage"] = {"phi_psi": None, "theta": ["theta"]}
    config["free_energy"] |= {"surfaces": [["theta"]], "reference_state": "in", "states": {"C5": None}}
    config["free_energy"]["states"]["in"] = {"theta": [0, 180]}
    resolved = resolve_config(config, schema)
    check_references(resolved)
    assert list(resolved["observables"]) == list(resolved["coverage"]) == ["theta"]
    assert list(resolved["free_energy"]["states"]) == ["in"]


def test_a_long_step_without_constraints_is_refused(resolved):
    with pytest.raises(InputError, match=r"dynamics\.timestep_fs is 4 with system\.constraints none"):
        heavy = changed(resolved, "system.hydrogen_mass_amu", 4)
        check_references(changed(changed(heavy, "dynamics.timestep_fs", 4), "system.constraints", "none"))


def test_a_barrier_whose_boltzmann_factor_vanishes_is_refused(resolved):
    resolved["production"] |= {"method": "opes", "opes": resolved["production"]["opes"] | {"barrier_kJ_per_mol": 500}}
    check_references(resolved)
    resolved["dynamics"]["temperature_K"] = 80
    with pytest.raises(InputError, match=r"barrier_kJ_per_mol is 500, above 600 RT.*; give at most 399\."):
        check_references(resolved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pace_ps": 0.7}, r"production\.opes\.build_ps is 2500, no multiple of production\.opes\.pace_ps 0\.7"),
        ({"pace_ps": 0.0005}, r"production\.opes\.pace_ps is 0\.0005, no whole number of steps"),
        ({"length_ps": 2549.5}, r"length_ps is 2549\.5, which leaves 99 frames .* 100 are needed: lengthen it"),
        ({"length_ps": 2000}, r"which leaves 0 frames under the static bias"),
        ({"barrier_kJ_per_mol": 4.9}, r"barrier_kJ_per_mol is 4\.9, below 2 RT; give at least 5\.0"),
    ],
)
def test_walkers_that_cannot_do_are_refused(resolved, changes, words):
    resolved["production"]["opes"] |= changes
    check_references(resolved)  # without effect on windows
    resolved["production"]["method"] = "opes"
    with pytest.raises(InputError, match=words):
        check_references(resolved)


def test_walkers_need_states_to_cross_between(resolved):
    resolved["production"]["method"] = "opes"
    resolved["production"]["length_ps"] = 0.5  # without effect on walkers
    check_references(resolved)
    del resolved["free_energy"]["states"]["C7ax"], resolved["free_energy"]["states"]["C5"]
    with pytest.raises(InputError, match=r"free_energy\.states has 1 states; name at least two, .* or choose umbrella"):
        check_references(resolved)


def test_production_windows_with_too_few_frames_are_refused(resolved):
    with pytest.raises(InputError, match=r"production\.length_ps is 3.5, which leaves 5 frames"):
        check_references(changed(resolved, "production.length_ps", 3.5))

"""Checks of a configuration that a schema cannot make: names that must be defined, lengths that must fit, files and selections."""

import csv
import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .kinds import MOST_BINS, Axis
from .methods import DIHEDRALS, NEEDS, check_size
from .sources import check_sources
from .states import check_ranges
from .units import FEMTOSECONDS_PER_PICOSECOND, thermal_energy

if TYPE_CHECKING:
    import mdtraj

LEAST_BARRIER = 2.0
"""Barrier [RT] below which a bias that builds itself is no help: with 1 RT its strength 1 − RT/ΔE is zero."""

MOST_BARRIER = 600.0
"""Barrier [RT] above which its Boltzmann factor comes near the smallest number there is."""

FEWEST_STATIC_FRAMES = 100
"""Frames of a walker under its static bias, below which blocks of them say nothing about errors."""

FEWEST_PRODUCTION_FRAMES = 10
"""Frames of a production window, after its ramp, below which no correlation time can be estimated."""


def check_references(config: dict) -> None:
    """Check what a schema cannot: names in the configuration that must be defined elsewhere in it, and lengths of time.

    Raises:
        InputError: If a name is not defined, or a length of time is shorter than what it must hold.
    """
    check_sources(config["system"], config["dynamics"]["timestep_fs"])
    _check_names(config)
    for section in ("training", "production"):
        check_network(config[section], config["training"], section)
    if config["seeding"]["n_replicas"] == 0 and not config["training"]["trajectories"]:
        raise InputError(
            "seeding.n_replicas is 0 and training.trajectories is empty; give at least one seed simulation or trajectory."
        )
    _check_lengths(config)


def _check_names(config: dict) -> None:
    """Check that observables and states are defined where they are used."""
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
    for name, ranges in states.items():
        check_ranges(f"free_energy.states.{name}", ranges, observables)
    for key, maps in used[:2]:
        for name, axes in maps.items():
            n_bins = math.prod(Axis.of(axis, observables[axis]).n_bins for axis in axes)
            if n_bins > MOST_BINS:
                raise InputError(f"{key}.{name} has {n_bins} bins, more than {MOST_BINS}; give observables wider bins.")


def _check_lengths(config: dict) -> None:
    """Check that lengths of time hold what they must."""
    timestep = config["dynamics"]["timestep_fs"]
    walks = config["production"]["method"] == "opes"
    left_out = [stage for stage in ("seeding", "baseline") if config[stage]["n_replicas"] == 0]
    left_out += ["production"] if walks else []
    for stage in [s for s in ("seeding", "baseline", "exploration", "production") if s not in left_out]:
        _check_intervals(config[stage], stage, ("length_ps",), "save_interval_ps", timestep)
    if config["dynamics"]["timestep_fs"] > 2 and config["system"]["constraints"] == "none":
        raise InputError(
            f"dynamics.timestep_fs is {config['dynamics']['timestep_fs']:g} with system.constraints none; "
            "give at most 2, or constrain bonds."
        )
    if walks:
        _check_walkers(config)
    production = config["production"]
    n_frames = (production["length_ps"] - production["ramp_ps"]) / production["save_interval_ps"]
    if not walks and 0 < n_frames < FEWEST_PRODUCTION_FRAMES:
        raise InputError(
            f"production.length_ps is {production['length_ps']:g}, which leaves {n_frames:.0f} frames after the ramp; "
            f"{FEWEST_PRODUCTION_FRAMES} are needed: lengthen it or shorten production.save_interval_ps."
        )
    for stage in ("exploration",) if walks else ("exploration", "production"):
        if config[stage]["ramp_ps"] >= config[stage]["length_ps"]:
            raise InputError(
                f"{stage}.ramp_ps is {config[stage]['ramp_ps']:g}, not shorter than {stage}.length_ps "
                f"{config[stage]['length_ps']:g}; shorten the ramp."
            )


def _check_intervals(section: dict, name: str, lengths: tuple[str, ...], interval: str, timestep: float) -> None:
    """Check that lengths of time [ps] are multiples of an interval, and that one of time steps [fs]."""
    between = section[interval]
    for key in lengths:
        length = section[key]
        if length < between:
            raise InputError(f"{name}.{key} is {length:g}, shorter than {name}.{interval} {between:g}; lengthen it.")
        if not math.isclose(length / between, round(length / between)):
            raise InputError(
                f"{name}.{key} is {length:g}, no multiple of {name}.{interval} {between:g}; change one of them."
            )
    steps = between * FEMTOSECONDS_PER_PICOSECOND / timestep
    if not math.isclose(steps, round(steps), abs_tol=1e-6):
        raise InputError(
            f"{name}.{interval} is {between:g}, no whole number of steps of dynamics.timestep_fs {timestep:g}; "
            "change one of them."
        )


def _check_walkers(config: dict) -> None:
    """Check what walkers need."""
    opes, key = config["production"]["opes"], "production.opes"
    _check_intervals(opes, key, ("build_ps", "length_ps"), "pace_ps", config["dynamics"]["timestep_fs"])
    n_frames = round((opes["length_ps"] - opes["build_ps"]) / opes["pace_ps"])
    if n_frames < FEWEST_STATIC_FRAMES:
        raise InputError(
            f"{key}.length_ps is {opes['length_ps']:g}, which leaves {max(n_frames, 0)} frames under the static bias after "
            f"{key}.build_ps {opes['build_ps']:g}; {FEWEST_STATIC_FRAMES} are needed: lengthen it."
        )
    least = LEAST_BARRIER * thermal_energy(config["dynamics"]["temperature_K"])
    if opes["barrier_kJ_per_mol"] < least:
        raise InputError(
            f"{key}.barrier_kJ_per_mol is {opes['barrier_kJ_per_mol']:g}, below {LEAST_BARRIER:g} RT; give at least {least:.1f}, "
            "and more than the barriers between the states."
        )
    most = MOST_BARRIER * thermal_energy(config["dynamics"]["temperature_K"])
    if opes["barrier_kJ_per_mol"] > most:
        raise InputError(
            f"{key}.barrier_kJ_per_mol is {opes['barrier_kJ_per_mol']:g}, above {MOST_BARRIER:g} RT, whose Boltzmann factor is "
            f"too small a number; give at most {most:.0f}."
        )
    n_states = len(config["free_energy"]["states"])
    if n_states < 2:
        raise InputError(
            f"production.method is 'opes' and free_energy.states has {n_states} states; name at least two, so that crossings "
            "between them can be counted, or choose umbrella."
        )


def check_network(network: dict, training: dict, section: str) -> None:
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
    for i, group in enumerate(network["outputs"]):
        _check_output(group, f"{section}.outputs[{i}]", training["invariance"])
    if section == "training":
        for key, needed in NEEDS[training["method"]].items():
            if training[key] != needed:
                raise InputError(
                    f"training.{key} is {json.dumps(training[key])} with training.method {training['method']!r}, which needs "
                    f"{json.dumps(needed)}; change one of them."
                )
        if training["method"] == DIHEDRALS and training["n_cvs"] == "auto":
            raise InputError(
                "training.n_cvs is 'auto' with training.method 'dihedrals'; give as many as training.dihedrals names."
            )


def _check_output(group: dict, key: str, invariance: str) -> None:
    """Refuse keys of an output that would have no effect."""
    own = {
        "positions": ("atoms", "align", "reference", "atom_weights"),
        "dihedrals": ("dihedrals",),
        "distances": ("distances",),
    }
    others = [name for kind, names in own.items() if kind != group["kind"] for name in names]
    unused = [name for name in others if group[name] not in (None, {}, "all", "bonded")]
    if unused:
        raise InputError(f"{key}.{unused[0]} has no effect on an output of kind {group['kind']}; drop it.")
    if invariance == "none":
        if group["kind"] != "positions":
            raise InputError(
                f"{key} has {group['kind']} with training.invariance 'none', which returns a conformation in the pose it came in; "
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
    import mdtraj

    from .imported import check_imported
    from .observables import find_measure
    from .trajectories import select_atoms

    topology, positions = _check_molecule(json.dumps(config["system"]))
    atoms = select_atoms(topology, config["training"]["atoms"], "training.atoms")
    _check_learning(config, topology, atoms, positions[atoms])
    for name, observable in config["observables"].items():
        find_measure(name, observable, mdtraj.Trajectory(positions, topology))
    check_imported(config["training"]["trajectories"], topology, config["training"]["atoms"])
    check_figures(config["figures"])


@cache
def _check_molecule(section: str) -> "tuple[mdtraj.Topology, np.ndarray]":
    """Check the ``system`` section, given as JSON; a system takes a quarter of a second, and most runs of a sweep have the same.

    Returns:
        The topology of what will be stored, and its start positions [nm] with ``shape=(n_atoms, 3)``.
    """
    from .systems import check_molecule

    return check_molecule(json.loads(section))


def _check_learning(config: dict, topology: "mdtraj.Topology", atoms: np.ndarray, positions: np.ndarray) -> None:
    """Check what networks see and return, with the start positions [nm] of the atoms that they see."""
    from .alignment import check_reference
    from .internal_coordinates import find_features
    from .outputs import find_outputs
    from .trajectories import load_reference

    training = config["training"]

    def reference(path: str | None, key: str) -> np.ndarray:
        path = path or training["reference"]
        return positions if path is None else load_reference(path, topology, training["atoms"], key)

    check_reference(reference(None, "training.reference"), "training.atoms")
    for section in ("training", "production"):
        network = training | {key: config[section][key] for key in ("inputs", "outputs")}
        features = find_features(topology, atoms, network)
        if section == "training" and training["n_cvs"] != "auto":
            n_nodes = training["n_cvs"] * (2 if training["method"] == DIHEDRALS else 1)
            check_size(training["method"], features.n_inputs(len(atoms)), n_nodes)
        find_outputs(topology, atoms, network, reference, section)


def check_windows_can_start(config: dict) -> None:
    """Check that windows can start from every frame that the first encoder learns from.

    Raises:
        InputError: If an imported trajectory does not hold the atoms of the system.
    """
    from .imported import check_imported_systems

    trajectories = config["training"]["trajectories"]
    if trajectories:
        check_imported_systems(trajectories, _check_molecule(json.dumps(config["system"]))[0])


def check_figures(figures: dict) -> None:
    """Check what the figures need, which would otherwise fail after all simulations.

    Raises:
        InputError: If the colour map is unknown, or the file of published values is missing or of another form.
    """
    import matplotlib

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
        with open(published, newline="") as file:
            header = next(csv.reader(file), [])
    except (ValueError, OSError, csv.Error):
        header = []
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"figures.published is {published!r}, without the columns {', '.join(missing)}; add them.")

"""What a step depends on: each params function returns just the keys that its step reads, so that changing another reruns nothing."""

DATA_KEYS = ("atoms", "reference", "validation_fraction", "validation_block_frames", "max_frames", "thinning")
NETWORK_KEYS = ("inputs", "outputs", "n_cvs", "cv_layer", "hidden_layers")
CONVERGENCE_KEYS = ("convergence_growth", "convergence_correlation", "convergence_lost_windows", "convergence_rounds")
DRIVER_KEYS = ("n_rounds", "windows_per_batch", *CONVERGENCE_KEYS)
RELAXATION_KEYS = ("n_candidates", "max_energy_kJ_per_mol")
EXTENSION_KEYS = ("extend_ns", "length_ps")
METHOD_KEYS = ("method", "opes")
SIMULATION_KEYS = ("length_ps", "save_interval_ps", "ramp_ps", "max_attempts")


def keep(section: dict, keys: tuple[str, ...]) -> dict:
    return {key: value for key, value in section.items() if key in keys}


def growing(amount: int):
    """Return a resource function: this many minutes or MB in the first attempt, twice as many in the second, and so on."""

    def amount_of_attempt(wildcards, attempt):
        return amount * attempt

    return amount_of_attempt


def drop(section: dict, *keys: str) -> dict:
    return {key: value for key, value in section.items() if key not in keys}


def settings(section: str):
    """Return a params function that looks a section of the run's configuration up."""

    def section_of_run(wildcards):
        return RUNS[wildcards.run][section]

    return section_of_run


def random_seed(wildcards) -> int:
    return RUNS[wildcards.run]["random_seed"]


def system_settings(wildcards) -> dict:
    return keys_with_effect(RUNS[wildcards.run]["system"])


def dynamics_settings(wildcards) -> dict:
    """Return the dynamics; precision is left out where it is the default, without which runs of older versions were made."""
    dynamics = RUNS[wildcards.run]["dynamics"]
    return drop(dynamics, "precision") if dynamics["precision"] == "mixed" else dynamics


def configuration_of_results(wildcards) -> dict:
    """Return the configuration but for the looks of figures and for other runs."""
    return drop(RUNS[wildcards.run], "figures", "sweep", "validation")


def temperature(wildcards) -> float:
    return RUNS[wildcards.run]["dynamics"]["temperature_K"]


def seed_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["seeding"], SIMULATION_KEYS)


def baseline_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["baseline"], SIMULATION_KEYS)


def data_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["training"], DATA_KEYS)


def training_settings(wildcards) -> dict:
    """Return how a stage's network is trained; production has a network of its own."""
    run = RUNS[wildcards.run]
    training = drop(run["training"], *DATA_KEYS, "trajectories", "n_restarts")
    if wildcards.stage == "production" or training["method"] == AUTOENCODER:
        training = drop(training, "method")  # as before there were others; production always trains an autoencoder
    if wildcards.stage == "production":
        training |= keep(run["production"], NETWORK_KEYS)
    return drop(training, "n_cvs", "max_n_cvs", *keys_without_effect(training))  # n_cvs is a wildcard


def keys_without_effect(training: dict) -> set[str]:
    """Name the keys of a network that have no effect beside the others."""
    unused = {"dihedrals", "distances"} - {*training["inputs"]}
    if training["optimizer"] != "sgd":
        unused.add("momentum")
    if "distances" not in training["inputs"] and all(group["kind"] != "distances" for group in training["outputs"]):
        unused.add("distance_scale_nm")
    return unused


def pose_settings(wildcards) -> dict:
    """Return how the networks of a picture are trained: as those of a round, but from all positions to all positions."""
    training = RUNS[wildcards.run]["training"]
    kinds = training["cv_layer"]
    own = {"cv_layer": kinds if isinstance(kinds, str) else kinds[0], "hierarchy": "none"}
    unused = ("inputs", "dihedrals", "distances", "distance_scale_nm", "outputs", "invariance", "n_cvs", "max_n_cvs")
    unused += (*keys_without_effect(training), "trajectories", "n_restarts", "method")
    return drop(training, *DATA_KEYS, *unused) | own


def placement_settings(wildcards) -> dict:
    if wildcards.stage == "production" and walks(wildcards.run):
        return {"method": "opes"} | keep(RUNS[wildcards.run]["production"]["opes"], ("n_walkers",))
    section = RUNS[wildcards.run][stage_section(wildcards.stage)]
    if section.get("force_constant_kJ_per_mol") is None:
        section = drop(section, "force_constant_kJ_per_mol")
    return drop(section, *DRIVER_KEYS, *SIMULATION_KEYS, *RELAXATION_KEYS, *EXTENSION_KEYS, *NETWORK_KEYS, *METHOD_KEYS)


def walks(run: str) -> bool:
    """Tell whether production consists of walkers that build their biases, instead of windows."""
    return RUNS[run]["production"]["method"] == "opes"


def opes_settings(run: str) -> dict:
    """Return how walkers build their biases."""
    return drop(RUNS[run]["production"]["opes"], "n_walkers", "length_ps")


def walker_simulation(run: str) -> dict:
    """Return how walkers are simulated: as windows, without a ramp, with a frame for every kernel."""
    production = RUNS[run]["production"]
    lengths = {"length_ps": production["opes"]["length_ps"], "save_interval_ps": production["opes"]["pace_ps"]}
    return lengths | keep(production, ("max_attempts",)) | {"ramp_ps": 0, "opes": opes_settings(run)}


def window_settings(wildcards) -> dict:
    simulation = keep(RUNS[wildcards.run][stage_section(wildcards.stage)], SIMULATION_KEYS)
    if wildcards.stage == "production" and walks(wildcards.run):
        simulation = walker_simulation(wildcards.run)
    if has_explicit_solvent(wildcards.run):
        simulation["settle_ps"] = RUNS[wildcards.run]["system"]["equilibration"]["settle_ps"]
    return simulation | {"ramp_ps": 0} if wildcards.stage == "extension" else simulation


def extension_settings(wildcards) -> dict:
    """Return how much further simulation windows get; walkers get none."""
    extension = keep(RUNS[wildcards.run]["production"], EXTENSION_KEYS)
    return extension | {"extend_ns": 0} if walks(wildcards.run) else extension


def convergence_settings(wildcards) -> dict:
    """Return when to stop, and the simulated time [ns] before the first round."""
    return convergence_thresholds(wildcards) | {"seed_ns": seed_ns(wildcards)}


def convergence_thresholds(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["exploration"], CONVERGENCE_KEYS)


def training_atoms(wildcards) -> str:
    return RUNS[wildcards.run]["training"]["atoms"]


def relaxation_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["production"], RELAXATION_KEYS)


def production_ramp(wildcards) -> float:
    """Return the time at the start of each production simulation that does not count."""
    production = RUNS[wildcards.run]["production"]
    return production["opes"]["build_ps"] if walks(wildcards.run) else production["ramp_ps"]


def state_settings(wildcards) -> dict:
    """Return the states, and the kinds of their observables unless all are dihedrals, as they were in older versions.

    With walkers come the settings of their biases, which are rebuilt from what they recorded.
    """
    run = RUNS[wildcards.run]
    kinds = other_kinds(run["free_energy"]["states"], run["observables"])
    settings = keep(run["free_energy"], ("states", "reference_state", "n_bootstrap"))
    if walks(wildcards.run):
        settings["opes"] = opes_settings(wildcards.run)
    return settings | {"kinds": kinds} if kinds else settings


def projection_settings(wildcards) -> dict:
    run = RUNS[wildcards.run]
    return {"cv_bins": run["free_energy"]["cv_bins"], "observables": run["observables"]}


def seed_ns(wildcards) -> float:
    """Return the simulated time [ns] before the first round."""
    seeding = RUNS[wildcards.run]["seeding"]
    return seeding["n_replicas"] * seeding["length_ps"] / 1000


def baseline_ns_per_frame(wildcards) -> float:
    return RUNS[wildcards.run]["baseline"]["save_interval_ps"] / 1000


def coverage_axes(wildcards) -> list[str]:
    return RUNS[wildcards.run]["coverage"][wildcards.axes]


def observable_kinds(wildcards) -> dict[str, str]:
    """Return the kind of every observable by its name."""
    return {name: kind_of(observable).name for name, observable in RUNS[wildcards.run]["observables"].items()}


def drawing_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["figures"], ("dpi",))


def drawing_settings_of_sweep(wildcards) -> dict:
    return keep(RUNS[RUNS.base]["figures"], ("dpi",))


def baseline_ns(wildcards) -> float:
    """Return the simulated time [ns] of the unbiased simulations for comparison."""
    baseline = RUNS[wildcards.run]["baseline"]
    return baseline["n_replicas"] * baseline["length_ps"] / 1000


def stages_with_costs(wildcards) -> list[str]:
    """Return the folders of all jobs that free energies, or what they are compared with, come from."""
    return ["system", "seed", "unbiased", *stages_of(wildcards.run), "extension"]


def shared_steps(wildcards) -> dict[str, str]:
    return RUNS.shared_steps(wildcards.run)


def threads_of_rules(wildcards) -> dict[str, int]:
    """Return the threads of the rules that take more than one, as --set-threads may let them."""
    names = [path.stem for path in (WORKFLOW / "scripts").glob("*.py")] + ["run_baseline"]
    threads = {name: getattr(rules, name).rule.resources["_cores"] for name in sorted(names)}
    return {name: count for name, count in threads.items() if count != 1}


def rows_of_sweep(wildcards) -> dict[str, dict]:
    """Return for every run of the sweep the values of the keys in which runs differ."""
    return {run: RUNS.varied(run) for run in runs_of_sweep()}


def reference_states(wildcards) -> dict[str, str]:
    return {run: RUNS[run]["free_energy"]["reference_state"] for run in runs_of_sweep()}


def files_of_sweep(name: str):
    """Return an input function for one file of every run of the sweep."""

    def files_of_runs(wildcards):
        return [f"results/{run}/{name}" for run in runs_of_sweep()]

    return files_of_runs


def cores(wildcards) -> dict[str, dict]:
    return cores_of(RUNS[wildcards.run])


def kinds_of_cores(wildcards) -> dict[str, str]:
    """Return the kinds of the observables of cores that are not dihedrals."""
    return other_kinds(cores(wildcards), RUNS[wildcards.run]["observables"])


def validation_settings(wildcards) -> dict:
    """Return what the runs of a validation are held against."""
    base = RUNS[RUNS.base]
    section = keep(base["validation"], ("free_energies", "coverage_ns"))
    return section | {
        "published": base["figures"]["published"],
        "reference_state": base["free_energy"]["reference_state"],
    }


def seeds_of_validation(wildcards) -> dict[str, int]:
    return {run: RUNS[run]["random_seed"] for run in runs_of_validation()}


def profiles_in_validation(wildcards) -> list[str]:
    return profiles_of(RUNS[RUNS.base])


def runs_by_method(wildcards) -> dict[str, dict[int, str]]:
    return methods_of_baselines()


def coverage_ns(wildcards) -> float | None:
    return RUNS[RUNS.base]["validation"]["coverage_ns"]

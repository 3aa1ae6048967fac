"""Configuration, names and the input functions that tie the rounds together."""

import os
import re
import sys
from pathlib import Path

import yaml

WORKFLOW = Path(workflow.current_basedir).parent
sys.path.insert(0, str(WORKFLOW / "scripts"))

from mesaflow.errors import InputError
from mesaflow.files import write_atomically
from mesaflow.knee import candidate_numbers
from mesaflow.manifest import count_cvs, read_manifest, split_into_batches
from mesaflow.checks import check_inputs, check_references, check_windows_can_start
from mesaflow.settings import load_schema, resolve_config

# Libraries take all cores unless told otherwise; a job gets the threads of its rule.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


CV_NAME = re.compile("cv_[0-9]+")


def load_runs() -> dict[str, dict]:
    """Return the resolved configuration of every run by its name; refuse a faulty one before any job."""
    try:
        resolved = resolve_config(config, load_schema(WORKFLOW / "schemas" / "config.schema.yaml"))
        check_references(resolved)
        if workflow.is_main_process:
            check_inputs(resolved)
    except InputError as error:
        refuse(error)
    except ImportError:
        pass  # with --sdm conda the main process may lack OpenMM and mdtraj; prepare_system checks again
    return {resolved["run"]: resolved}


def refuse(error: InputError) -> None:
    """End the run with one line for each fault."""
    sys.exit("\n".join(f"config error: {line}" for line in str(error).splitlines()))


RUNS = load_runs()


wildcard_constraints:
    run="[A-Za-z0-9][A-Za-z0-9_.-]*",
    stage="round-[0-9]+|production",
    trajectories="seed|unbiased|round-[0-9]+|production",
    unbiased="seed|unbiased",
    round="[0-9]+",
    replica="[0-9]+",
    restart="[0-9]+",
    n_cvs="[0-9]+",
    batch="[0-9]+",
    axes="[A-Za-z0-9_]+",


def settings(section: str):
    """Return a params function that looks a section of the run's configuration up."""

    def section_of_run(wildcards):
        return RUNS[wildcards.run][section]

    return section_of_run


def random_seed(wildcards) -> int:
    return RUNS[wildcards.run]["random_seed"]


def n_rounds(wildcards) -> int:
    return RUNS[wildcards.run]["exploration"]["n_rounds"]


def round_numbers(wildcards) -> list[int]:
    return list(range(1, n_rounds(wildcards) + 1))


def stage_names(wildcards) -> list[str]:
    return stages_of(wildcards.run)


def stage_files(wildcards, name: str) -> list[str]:
    return [f"results/{wildcards.run}/{stage}/{name}" for stage in stages_of(wildcards.run)]


def stage_encoders(wildcards) -> list[str]:
    return stage_files(wildcards, "encoder.npz")


def stage_decoders(wildcards) -> list[str]:
    return stage_files(wildcards, "decoder.npz")


def stage_training_sets(wildcards) -> list[str]:
    return stage_files(wildcards, "training_set.npz")


def previous_stage(wildcards) -> str:
    """Name the stage whose trajectories are the newest that this one learns from."""
    if wildcards.stage == "production":
        return f"round-{n_rounds(wildcards)}"
    number = int(wildcards.stage.removeprefix("round-"))
    return "seed" if number == 1 else f"round-{number - 1}"


def windows_of(wildcards, stage: str) -> list[dict]:
    """Return the rows of a stage's window manifest, once its checkpoint has run."""
    return read_manifest(checkpoints.place_windows.get(run=wildcards.run, stage=stage).output.manifest)


def stage_section(stage: str) -> str:
    """Name the configuration section that a stage's simulations are set up by."""
    sections = {"seed": "seeding", "unbiased": "baseline", "production": "production"}
    return sections.get(stage, "exploration")


def batches_of(wildcards, stage: str) -> dict[int, list[dict]]:
    """Return the windows of each batch job of a stage."""
    per_batch = RUNS[wildcards.run][stage_section(stage)]["windows_per_batch"]
    return split_into_batches(windows_of(wildcards, stage), per_batch)


def batch_files(wildcards, stage: str, name: str) -> list[str]:
    """Return one file of every batch of a stage."""
    return [f"results/{wildcards.run}/{stage}/batch-{batch}/{name}" for batch in batches_of(wildcards, stage)]


def replica_trajectories(wildcards, stage: str) -> list[str]:
    count = RUNS[wildcards.run][stage_section(stage)]["n_replicas"]
    return [f"results/{wildcards.run}/{stage}/replica-{i}/trajectory.dcd" for i in range(count)]


def trajectories_of(wildcards, stage: str) -> list[str]:
    """Return the trajectories that a stage makes; with the seed come those that were made elsewhere."""
    if stage == "seed":
        return replica_trajectories(wildcards, stage) + [item["trajectory"] for item in imported(wildcards)]
    if stage == "unbiased":
        return replica_trajectories(wildcards, stage)
    return batch_files(wildcards, stage, "trajectory.dcd")


def imported(wildcards) -> list[dict[str, str]]:
    """Return the trajectories from elsewhere, each with its topology."""
    return RUNS[wildcards.run]["training"]["trajectories"]


def imported_topologies(wildcards) -> list[str]:
    return sorted({item["topology"] for item in imported(wildcards)})


def imported_files(wildcards) -> list[str]:
    return sorted({item["trajectory"] for item in imported(wildcards)} | set(imported_topologies(wildcards)))


def structure_of_run(wildcards) -> str:
    return RUNS[wildcards.run]["system"]["structure"]


def local_force_field(wildcards) -> list[str]:
    """Return the force-field files that are the user's own; the others come with OpenMM."""
    return [name for name in RUNS[wildcards.run]["system"]["force_field"] if Path(name).is_file()]


def published_values(wildcards) -> list[str]:
    """Return the file of published values, if there is one."""
    published = RUNS[wildcards.run]["figures"]["published"]
    return [published] if published else []


def local_files(wildcards) -> list[str]:
    return local_force_field(wildcards) + published_values(wildcards) + imported_files(wildcards)


def configuration_of_results(wildcards) -> dict:
    """Return the configuration but for the looks of figures."""
    return drop(RUNS[wildcards.run], "figures")


def temperature(wildcards) -> float:
    return RUNS[wildcards.run]["dynamics"]["temperature_K"]


# Each settings function returns just the keys that its step depends on, so that changing another key reruns nothing.

DATA_KEYS = ("atoms", "reference", "validation_fraction", "validation_block_frames", "max_frames", "thinning")
NETWORK_KEYS = ("inputs", "n_cvs", "cv_layer", "hidden_layers")
DRIVER_KEYS = ("n_rounds", "windows_per_batch", "convergence_growth", "convergence_rounds")
RELAXATION_KEYS = ("n_candidates", "max_energy_kJ_per_mol")
SIMULATION_KEYS = ("length_ps", "save_interval_ps", "ramp_ps", "max_attempts")


def keep(section: dict, keys: tuple[str, ...]) -> dict:
    return {key: value for key, value in section.items() if key in keys}


def drop(section: dict, *keys: str) -> dict:
    return {key: value for key, value in section.items() if key not in keys}


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
    if wildcards.stage == "production":
        training |= keep(run["production"], NETWORK_KEYS)
    return drop(training, "n_cvs", "max_n_cvs", *keys_without_effect(training))  # n_cvs is a wildcard


def keys_without_effect(training: dict) -> set[str]:
    """Name the keys of a network that have no effect beside the others."""
    unused = {"dihedrals", "distances"} - {*training["inputs"]}
    if training["optimizer"] != "sgd":
        unused.add("momentum")
    if "distances" not in training["inputs"] and all(group["kind"] == "positions" for group in training["outputs"]):
        unused.add("distance_scale_nm")
    return unused


def pose_settings(wildcards) -> dict:
    """Return how the networks of a picture are trained: as those of a round, but from all positions to all positions."""
    training = RUNS[wildcards.run]["training"]
    kinds = training["cv_layer"]
    own = {"cv_layer": kinds if isinstance(kinds, str) else kinds[0], "hierarchy": "none"}
    unused = ("inputs", "dihedrals", "distances", "distance_scale_nm", "outputs", "invariance", "n_cvs", "max_n_cvs")
    unused += (*keys_without_effect(training), "trajectories", "n_restarts")
    return drop(training, *DATA_KEYS, *unused) | own


def placement_settings(wildcards) -> dict:
    section = RUNS[wildcards.run][stage_section(wildcards.stage)]
    return drop(section, *DRIVER_KEYS, *SIMULATION_KEYS, *RELAXATION_KEYS, *NETWORK_KEYS)


def window_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run][stage_section(wildcards.stage)], SIMULATION_KEYS)


def convergence_settings(wildcards) -> dict:
    """Return when to stop, and the simulated time [ns] before the first round."""
    section = RUNS[wildcards.run]["exploration"]
    return keep(section, ("convergence_growth", "convergence_rounds")) | {"seed_ns": seed_ns(wildcards)}


def training_atoms(wildcards) -> str:
    return RUNS[wildcards.run]["training"]["atoms"]


def input_reference(wildcards) -> list[str]:
    """Return the structure that inputs are superposed on, if it is not the prepared one."""
    reference = RUNS[wildcards.run]["training"]["reference"]
    return [reference] if reference else []


def output_references(wildcards) -> list[str]:
    """Return the structures that outputs are superposed on, but for the one of the inputs."""
    groups = RUNS[wildcards.run]["training"]["outputs"]
    return sorted({group["reference"] for group in groups if group["reference"]})


def learned_trajectories(wildcards) -> dict[str, list[str]]:
    """Return, by the name of each stage, the trajectories that it was the first to learn from."""
    sources = ["seed", *stages_of(wildcards.run)[:-1]]
    return {
        stage: trajectories_of(wildcards, source)
        for stage, source in zip(stages_of(wildcards.run), sources, strict=True)
    }


def training_data(wildcards) -> dict[str, list[str] | str]:
    """Return the trajectories that are new to a stage, and the training set of the stage before."""
    before = previous_stage(wildcards)
    data = {"trajectories": trajectories_of(wildcards, before)}
    if before != "seed":
        data["samples"] = batch_files(wildcards, before, "samples.parquet")
        data["previous"] = f"results/{wildcards.run}/{before}/training_set.npz"
    return data


def previous_network(wildcards) -> dict[str, str]:
    """Return the network that a round hands through where the rounds before have converged."""
    before = previous_stage(wildcards)
    if before == "seed" or wildcards.stage == "production":
        return {}
    folder = f"results/{wildcards.run}/{before}"
    return {
        "assessment": f"{folder}/assessment.json",
        "previous_encoder": f"{folder}/encoder.npz",
        "previous_decoder": f"{folder}/decoder.npz",
        "previous_training": f"{folder}/training.json",
    }


def candidates_of(wildcards, name: str) -> list[str]:
    """Return one file of every network that is trained for a stage."""
    training = RUNS[wildcards.run]["training"]
    n_cvs = RUNS[wildcards.run][network_section(wildcards.stage)]["n_cvs"]
    return [
        f"results/{wildcards.run}/{wildcards.stage}/n_cvs-{n}/restart-{i}/{name}"
        for n in candidate_numbers(n_cvs, training["max_n_cvs"])
        for i in range(training["n_restarts"])
    ]


def network_section(stage: str) -> str:
    """Name the configuration section that a stage's network is described in."""
    return "production" if stage == "production" else "training"


def candidate_encoders(wildcards) -> list[str]:
    return candidates_of(wildcards, "encoder.npz")


def candidate_decoders(wildcards) -> list[str]:
    return candidates_of(wildcards, "decoder.npz")


def candidate_trainings(wildcards) -> list[str]:
    return candidates_of(wildcards, "training.json")


def require_start_frames(run: str) -> None:
    """Refuse imported trajectories that windows cannot start from, before any job."""
    try:
        if workflow.is_main_process:
            check_windows_can_start(RUNS[run])
    except InputError as error:
        refuse(error)
    except ImportError:
        pass  # as in load_runs; measure_observables checks again


def placement_data(wildcards) -> dict[str, str]:
    """Return what windows are placed by: all frames and what the last round came to, or in production relaxed frames."""
    require_start_frames(wildcards.run)
    folder = f"results/{wildcards.run}"
    if wildcards.stage == "production":
        return {"relaxed": f"{folder}/production/relaxed.npz", "trajectory": f"{folder}/production/relaxed.dcd"}
    data = {"training_set": f"{folder}/{wildcards.stage}/training_set.npz"}
    before = previous_stage(wildcards)
    if before != "seed":
        data["assessment"] = f"{folder}/{before}/assessment.json"
    return data


def relaxation_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["production"], RELAXATION_KEYS)


def batch_windows(wildcards) -> list[dict]:
    return batches_of(wildcards, wildcards.stage).get(int(wildcards.batch), [])


def batch_in_words(wildcards) -> str:
    numbers = [row["window"] for row in batch_windows(wildcards)]
    return f"windows {min(numbers)} to {max(numbers)}" if numbers else "no windows"


def start_trajectories(wildcards) -> list[str]:
    """Return the trajectories that hold the start frames of a batch."""
    return sorted({row["start_trajectory"] for row in batch_windows(wildcards)})


def stage_trajectories(wildcards) -> list[str]:
    return trajectories_of(wildcards, wildcards.trajectories)


def production_samples(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "samples.parquet")


def round_results(wildcards) -> dict[str, list[str] | str]:
    """Return what a round made, with the observables of all frames up to it and the assessment before it."""
    folder = f"results/{wildcards.run}"
    number = int(wildcards.round)
    stage = f"round-{number}"
    results = {
        "manifest": f"{folder}/{stage}/windows.tsv",
        "training": f"{folder}/{stage}/training.json",
        "statuses": batch_files(wildcards, stage, "status.json"),
        "observables": observables_up_to(wildcards, number),
    }
    if number > 1:
        results["previous"] = f"{folder}/round-{number - 1}/assessment.json"
    return results


def round_files(wildcards, name: str) -> list[str]:
    return [f"results/{wildcards.run}/round-{number}/{name}" for number in round_numbers(wildcards)]


def round_assessments(wildcards) -> list[str]:
    return round_files(wildcards, "assessment.json")


def production_statuses(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "status.json")


def production_trajectories(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "trajectory.dcd")


def production_ramp(wildcards) -> float:
    return RUNS[wildcards.run]["production"]["ramp_ps"]


def state_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["free_energy"], ("states", "reference_state", "n_bootstrap"))


def projection_settings(wildcards) -> dict:
    run = RUNS[wildcards.run]
    return {"cv_bins": run["free_energy"]["cv_bins"], "observables": run["observables"]}


def surfaces_of(run: str) -> list[str]:
    """Name the free-energy surfaces of a run: the configured ones, and those over the CVs if their number is given."""
    names = ["_".join(axes) for axes in RUNS[run]["free_energy"]["surfaces"]]
    n_cvs = RUNS[run]["production"]["n_cvs"]
    return names if n_cvs == "auto" else [*names, *surfaces_over_cvs(n_cvs)]


def surfaces_over_cvs(n_cvs: int) -> list[str]:
    return [f"cv_{k + 1}" for k in range(n_cvs)] + (["cv_1_cv_2"] if n_cvs > 1 else [])


def files_of_surfaces(run: str, names: list[str]) -> list[str]:
    tables = [f"results/{run}/free_energy/fes_{name}.csv" for name in names]
    return tables + [f"results/{run}/figures/fes_{name}.svg" for name in names]


def open_surfaces(wildcards) -> list[str]:
    """Return the surfaces over the CVs where their number is known only once the production windows are placed."""
    files = []
    for run in RUNS:
        if RUNS[run]["production"]["n_cvs"] == "auto":
            manifest = checkpoints.place_windows.get(run=run, stage="production").output.manifest
            files += files_of_surfaces(run, surfaces_over_cvs(count_cvs(manifest)))
    return files


def surface_axes(wildcards) -> list[str]:
    configured = {"_".join(axes): axes for axes in RUNS[wildcards.run]["free_energy"]["surfaces"]}
    return configured.get(wildcards.axes, CV_NAME.findall(wildcards.axes))


def first_training(wildcards) -> list[str]:
    return [f"results/{wildcards.run}/round-1/training.json"]


def round_trainings(wildcards) -> list[str]:
    return round_files(wildcards, "training.json")


def observables_up_to(wildcards, last_round: int) -> list[str]:
    """Return the observables of the seed and of the rounds up to one."""
    stages = ["seed", *(f"round-{number}" for number in range(1, last_round + 1))]
    return [f"results/{wildcards.run}/{stage}/observables.parquet" for stage in stages]


def observables_before(wildcards) -> list[str]:
    """Return the observables of the frames that a stage learned from."""
    before = previous_stage(wildcards)
    return observables_up_to(wildcards, 0 if before == "seed" else int(before.removeprefix("round-")))


def round_observables(wildcards) -> list[str]:
    return observables_up_to(wildcards, n_rounds(wildcards))


def baseline_observables(wildcards) -> list[str]:
    """Return the observables of the unbiased simulations for comparison, if there are any."""
    return [f"results/{wildcards.run}/unbiased/observables.parquet"] if has_baseline(wildcards.run) else []


def has_baseline(run: str) -> bool:
    return RUNS[run]["baseline"]["n_replicas"] > 0


def seed_ns(wildcards) -> float:
    """Return the simulated time [ns] before the first round."""
    seeding = RUNS[wildcards.run]["seeding"]
    return seeding["n_replicas"] * seeding["length_ps"] / 1000


def baseline_ns_per_frame(wildcards) -> float:
    return RUNS[wildcards.run]["baseline"]["save_interval_ps"] / 1000


def coverage_axes(wildcards) -> list[str]:
    return RUNS[wildcards.run]["coverage"][wildcards.axes]


def observable_names(wildcards) -> list[str]:
    return list(RUNS[wildcards.run]["observables"])


def drawing_settings(wildcards) -> dict:
    return keep(RUNS[wildcards.run]["figures"], ("dpi",))


def stages_of(run: str) -> list[str]:
    return [f"round-{i}" for i in range(1, RUNS[run]["exploration"]["n_rounds"] + 1)] + ["production"]


def figures_of(run: str) -> list[str]:
    """Return every figure of a run."""
    coverage = RUNS[run]["coverage"]
    stages = stages_of(run)
    open_stages = [stage for stage in stages if RUNS[run][network_section(stage)]["n_cvs"] == "auto"]
    names = [
        "training",
        "cv_correlations",
        "cv_gradients",
        *(f"latent_{stage}" for stage in stages),
    ]
    names += [f"coverage_map_{name}" for name in coverage] + [f"coverage_growth_{name}" for name in coverage]
    names += [f"n_cvs_{stage}" for stage in open_stages]
    return [f"results/{run}/figures/{name}.svg" for name in names]


def returns_positions(run: str) -> bool:
    """Tell whether decoders return coordinates, which morphs are made of."""
    return any(group["kind"] == "positions" for group in RUNS[run]["training"]["outputs"])


def last_training_set(wildcards) -> str:
    return f"results/{wildcards.run}/round-{n_rounds(wildcards)}/training_set.npz"


def illustrations(wildcards) -> list[str]:
    """Return the pictures of the idea, which are made on demand."""
    return [f"results/{run}/figures/{name}.svg" for run in RUNS for name in ("outline", "poses")]


def run_results(wildcards) -> list[str]:
    """Return what the whole workflow makes of every run."""
    results = []
    for run in RUNS:
        names = ["provenance.json", "rounds.csv", "summary.txt"]
        results += [f"results/{run}/{name}" for name in names]
        results += files_of_surfaces(run, surfaces_of(run)) + figures_of(run)
        if returns_positions(run):
            results.append(f"results/{run}/morphs")
    return results


def learning_results(wildcards) -> list[str]:
    """Return what is learned, without any round, from the trajectories from elsewhere and the seed."""
    names = ["round-1/encoder.npz", "round-1/decoder.npz", "round-1/training.json", "figures/learning.svg"]
    open_runs = [run for run in RUNS if RUNS[run]["training"]["n_cvs"] == "auto"]
    curves = [f"results/{run}/figures/n_cvs_round-1.svg" for run in open_runs]
    return [f"results/{run}/{name}" for run in RUNS for name in names] + curves


def record_configs() -> None:
    """Write the resolved configuration of every run beside its results."""
    for run, resolved in RUNS.items():
        text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
        write_atomically(Path("results") / run / "config.yaml", lambda path, text=text: path.write_text(text))


def print_summaries() -> None:
    """Print the summary of every run that has one."""
    for run in RUNS:
        summary = Path("results") / run / "summary.txt"
        if summary.is_file():
            print(f"\n{summary.read_text()}")

"""Configuration, names and the input functions that tie the rounds together."""

import os
import re
import sys
from functools import cache
from pathlib import Path

WORKFLOW = Path(workflow.current_basedir).parent
sys.path.insert(0, str(WORKFLOW / "scripts"))

from snakemake.common.configfile import load_configfile

from mesaflow.checks import check_inputs, check_windows_can_start
from mesaflow.errors import InputError
from mesaflow.files import read_json
from mesaflow.kinds import kind_of, reference_files
from mesaflow.knee import candidate_numbers
from mesaflow.manifest import read_manifest, split_into_batches, windows_within
from mesaflow.methods import AUTOENCODER
from mesaflow.paths import Source
from mesaflow.published import check_validation, cores_of, profiles_of
from mesaflow.repeats import UNBIASED
from mesaflow.runs import Runs
from mesaflow.settings import load_schema
from mesaflow.sources import is_explicit, keys_with_effect, source_files
from mesaflow.states import other_kinds

# Libraries take all cores unless told otherwise; a job gets the threads of its rule.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def refuse(error: InputError) -> None:
    """End the run with one line for each fault."""
    sys.exit("\n".join(f"config error: {line}" for line in str(error).splitlines()))


class RefusingRuns(Runs):
    """Runs of which a faulty one, asked for by a target, ends everything before any job."""

    def __missing__(self, run: str) -> dict:
        try:
            return super().__missing__(run)
        except InputError as error:
            refuse(error)


def config_sources() -> list[Source]:
    """Return the files that the configuration comes from, the one that overrides the others first."""
    n_given = len(workflow.overwrite_configfiles)
    given, own = workflow.configfiles[:n_given], workflow.configfiles[n_given:]
    return [Source(Path(path), load_configfile(path)) for path in reversed([*own, *given])]


def check_before_jobs(resolved: dict) -> None:
    """Check the inputs of a run; jobs do not need to do so again."""
    try:
        if workflow.is_main_process:
            check_inputs(resolved)
    except ImportError:
        pass  # with --sdm conda the main process may lack OpenMM and mdtraj; prepare_system checks again


def load_runs() -> Runs:
    """Return the configuration of every run by its name; refuse a faulty one before any job."""
    schema = load_schema(WORKFLOW / "schemas" / "config.schema.yaml")
    try:
        return RefusingRuns(config, schema, config_sources(), home=WORKFLOW.parent, check=check_before_jobs)
    except InputError as error:
        refuse(error)


RUNS = load_runs()


wildcard_constraints:
    run=RUNS.pattern(),
    sweep=re.escape(RUNS.sweep.name),
    validation=re.escape(RUNS.validation.name),
    baselines=re.escape(RUNS.baselines.name),
    stage="round-[0-9]+|production|extension",
    trajectories="seed|unbiased|round-[0-9]+|production|extension",
    unbiased="seed|unbiased",
    round="[0-9]+",
    replica="[0-9]+",
    restart="[0-9]+",
    n_cvs="[0-9]+",
    batch="[0-9]+",
    axes="[A-Za-z0-9_]+",


def runs_of_sweep() -> list[str]:
    """Return the runs of the sweep; refuse a faulty one."""
    try:
        return RUNS.of_sweep()
    except InputError as error:
        refuse(error)


@cache
def runs_of_validation() -> list[str]:
    """Return the configured run for every random seed of the validation; refuse a faulty one."""
    try:
        check_validation(RUNS[RUNS.base])
        return RUNS.of(RUNS.validation)
    except InputError as error:
        refuse(error)


@cache
def methods_of_baselines() -> dict[str, dict[int, str]]:
    """Return for every method the names of its runs by their random seeds; refuse a faulty one."""
    try:
        check_validation(RUNS[RUNS.base])
        return RUNS.of_methods()
    except InputError as error:
        refuse(error)


def owned(step: str, name: str):
    """Return an input function for a file of a step, in the folder of the run that does it."""

    def file_of_owner(wildcards):
        return f"results/{RUNS.owner(wildcards.run, step)}/{step}/{name.format(**wildcards)}"

    return file_of_owner


def results_folder(run: str) -> Path:
    """Return the folder of a run's results, with the prefix that they have in a module."""
    return Path(rules.prepare_system.output.platform.format(run=run)).parents[1]


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
    if stage == "extension":
        return read_manifest(checkpoints.extend_windows.get(run=wildcards.run).output.manifest)
    return read_manifest(checkpoints.place_windows.get(run=wildcards.run, stage=stage).output.manifest)


def stage_section(stage: str) -> str:
    """Name the configuration section that a stage's simulations are set up by."""
    sections = {"seed": "seeding", "unbiased": "baseline", "production": "production"}
    sections["extension"] = "production"  # more of the same
    return sections.get(stage, "exploration")


def batches_of(wildcards, stage: str) -> dict[int, list[dict]]:
    """Return the windows of each batch job of a stage."""
    return split_into_batches(windows_of(wildcards, stage), windows_per_batch(wildcards.run, stage))


def windows_per_batch(run: str, stage: str) -> int:
    """Return how many windows a job runs: as configured, or as many as fill its time at the speed that was recorded.

    A walker has a job of its own.
    """
    if stage == "production" and walks(run):
        return 1
    section = RUNS[run][stage_section(stage)]
    if section["windows_per_batch"] != "auto":
        return section["windows_per_batch"]
    timing = read_json(results_folder(run) / "system" / "platform.json")
    microseconds_per_step = timing["microseconds_per_step"][timing["platform"]]
    timestep_fs = RUNS[run]["dynamics"]["timestep_fs"]
    return windows_within(RUNS[run]["cluster"]["job_minutes"], section["length_ps"], timestep_fs, microseconds_per_step)


def batch_files(wildcards, stage: str, name: str) -> list[str]:
    """Return one file of every batch of a stage."""
    return [f"results/{wildcards.run}/{stage}/batch-{batch}/{name}" for batch in batches_of(wildcards, stage)]


def replica_trajectories(wildcards, stage: str) -> list[str]:
    count = RUNS[wildcards.run][stage_section(stage)]["n_replicas"]
    return [f"results/{wildcards.run}/{stage}/replica-{i}/trajectory.dcd" for i in range(count)]


def trajectories_of(wildcards, stage: str) -> list[str]:
    """Return the trajectories that a stage makes; with the seed come those that were made elsewhere."""
    if stage == "seed":
        return replica_trajectories(wildcards, stage) + local_paths(item["trajectory"] for item in imported(wildcards))
    if stage == "unbiased":
        return replica_trajectories(wildcards, stage)
    return batch_files(wildcards, stage, "trajectory.dcd")


def imported(wildcards) -> list[dict[str, str]]:
    """Return the trajectories from elsewhere, each with its topology."""
    return RUNS[wildcards.run]["training"]["trajectories"]


def imported_topologies(wildcards) -> list[str]:
    return local_paths(sorted({item["topology"] for item in imported(wildcards)}))


def imported_files(wildcards) -> list[str]:
    return local_paths(sorted({path for item in imported(wildcards) for path in item.values()}))


def local_paths(paths) -> list[str]:
    """Mark paths that a module's prefix does not go before: files of the user, and paths that have it already."""
    return [local(path) for path in paths]


def structure_files(wildcards) -> list[str]:
    """Return the files that the molecule is made from; a sequence has none."""
    return local_paths(source_files(RUNS[wildcards.run]["system"]))


def has_explicit_solvent(run: str) -> bool:
    return is_explicit(RUNS[run]["system"]["solvent"])


def equilibrated(wildcards) -> dict[str, str]:
    """Return solute and solvent after their equilibration, where there is explicit solvent, and their system."""
    folder = f"results/{RUNS.owner(wildcards.run, 'system')}/system"
    files = {"solvated": f"{folder}/solvated.pdb", "solvated_system": f"{folder}/solvated.xml"}
    return files if has_explicit_solvent(wildcards.run) else {}


def solvated_structure(wildcards) -> dict[str, str]:
    """Return solute and solvent after their equilibration, where there is explicit solvent."""
    return {name: path for name, path in equilibrated(wildcards).items() if name == "solvated"}


def local_force_field(wildcards) -> list[str]:
    """Return the force-field files that are the user's own; the others come with OpenMM."""
    return local_paths(name for name in RUNS[wildcards.run]["system"]["force_field"] if Path(name).is_file())


def published_values(wildcards) -> list[str]:
    """Return the file of published values, if there is one."""
    published = RUNS[wildcards.run]["figures"]["published"]
    return local_paths([published] if published else [])


def observable_references(wildcards) -> list[str]:
    """Return the structures that observables compare with, but for the prepared one."""
    return local_paths(reference_files(RUNS[wildcards.run]["observables"]))


def local_files(wildcards) -> list[str]:
    files = local_force_field(wildcards) + published_values(wildcards) + imported_files(wildcards)
    return files + [path for path in observable_references(wildcards) if path not in files]


def input_reference(wildcards) -> list[str]:
    """Return the structure that inputs are superposed on, if it is not the prepared one."""
    reference = RUNS[wildcards.run]["training"]["reference"]
    return local_paths([reference] if reference else [])


def output_references(wildcards) -> list[str]:
    """Return the structures that outputs are superposed on, but for the one of the inputs."""
    groups = RUNS[wildcards.run][network_section(wildcards.stage)]["outputs"]
    return local_paths(sorted({group["reference"] for group in groups if group["reference"]}))


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
        data["manifest"] = ancient(
            f"results/{wildcards.run}/{before}/windows.tsv"
        )  # tells which trajectories there are
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


def batch_windows(wildcards) -> list[dict]:
    return batches_of(wildcards, wildcards.stage).get(int(wildcards.batch), [])


def batch_in_words(wildcards) -> str:
    numbers = [row["window"] for row in batch_windows(wildcards)]
    if wildcards.stage == "production" and walks(wildcards.run):
        return f"walker {wildcards.batch}"
    return f"windows {min(numbers)} to {max(numbers)}" if numbers else "no windows"


def start_trajectories(wildcards) -> list[str]:
    """Return the trajectories that hold the start frames of a batch."""
    return local_paths(sorted({row["start_trajectory"] for row in batch_windows(wildcards)}))


def stage_trajectories(wildcards) -> list[str]:
    return trajectories_of(wildcards, wildcards.trajectories)


def stage_manifest(wildcards) -> list[str]:
    """Return the manifest that tells which trajectories a stage has; only as an input does a changed one change others."""
    unbiased = wildcards.trajectories in ("seed", "unbiased")
    return [] if unbiased else [f"results/{wildcards.run}/{wildcards.trajectories}/windows.tsv"]


def encoder_of_stage(wildcards) -> str:
    """Return the encoder along which a stage's windows are; the extension goes on along that of production."""
    stage = "production" if wildcards.stage == "extension" else wildcards.stage
    return f"results/{wildcards.run}/{stage}/encoder.npz"


def first_samples(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "samples.parquet")


def first_statuses(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "status.json")


def first_trajectories(wildcards) -> list[str]:
    return batch_files(wildcards, "production", "trajectory.dcd")


def production_samples(wildcards) -> list[str]:
    return first_samples(wildcards) + batch_files(wildcards, "extension", "samples.parquet")


def round_results(wildcards) -> dict[str, list[str] | str]:
    """Return what a round made and learned from, the observables of all frames up to it, and the round before it."""
    folder = f"results/{wildcards.run}"
    number = int(wildcards.round)
    stage = f"round-{number}"
    results = {
        "manifest": f"{folder}/{stage}/windows.tsv",
        "training": f"{folder}/{stage}/training.json",
        "encoder": f"{folder}/{stage}/encoder.npz",
        "training_set": f"{folder}/{stage}/training_set.npz",
        "samples": batch_files(wildcards, stage, "samples.parquet"),
        "statuses": batch_files(wildcards, stage, "status.json"),
        "observables": observables_up_to(wildcards, number),
    }
    if number > 1:
        results["previous"] = f"{folder}/round-{number - 1}/assessment.json"
        results["previous_encoder"] = f"{folder}/round-{number - 1}/encoder.npz"
    return results


def round_files(wildcards, name: str) -> list[str]:
    return [f"results/{wildcards.run}/round-{number}/{name}" for number in round_numbers(wildcards)]


def round_assessments(wildcards) -> list[str]:
    return round_files(wildcards, "assessment.json")


def production_statuses(wildcards) -> list[str]:
    return first_statuses(wildcards) + batch_files(wildcards, "extension", "status.json")


def production_trajectories(wildcards) -> list[str]:
    return first_trajectories(wildcards) + batch_files(wildcards, "extension", "trajectory.dcd")


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


def files_of_validation(name: str):
    """Return an input function for one file of every run of the validation."""

    def files_of_runs(wildcards):
        return [f"results/{run}/{name}" for run in runs_of_validation()]

    return files_of_runs


def profiles_of_validation(wildcards) -> dict[str, list[str]]:
    """Return the free energies of every run along each angle that there are some along alone."""
    names = profiles_of(RUNS[RUNS.base])
    return {f"fes_{name}": files_of_validation(f"free_energy/fes_{name}.csv")(wildcards) for name in names}


def published_in_validation(wildcards) -> list[str]:
    """Return the file of published values that a validation is held against, if there is one."""
    published = RUNS[RUNS.base]["figures"]["published"]
    return local_paths([published] if published else [])


def growth_of_methods(wildcards) -> list[str]:
    """Return what every run of every method reached; rounds are enough for it, or the unbiased simulations alone."""
    return [
        f"results/{run}/{'unbiased/' if method == UNBIASED else ''}growth.csv"
        for method, runs in methods_of_baselines().items()
        for run in runs.values()
    ]


def stages_of(run: str) -> list[str]:
    return [f"round-{i}" for i in range(1, RUNS[run]["exploration"]["n_rounds"] + 1)] + ["production"]


def last_training_set(wildcards) -> str:
    return f"results/{wildcards.run}/round-{n_rounds(wildcards)}/training_set.npz"

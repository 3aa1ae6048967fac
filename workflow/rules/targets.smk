"""What runs come to: the files that the targets ask for, and what is said at the beginning and the end."""

import re
import sys
from pathlib import Path

import yaml

from mesaflow.errors import StorageError
from mesaflow.files import write_atomically
from mesaflow.manifest import count_cvs
from mesaflow.sweep import Sweep, step_of_shared_name

CV_NAME = re.compile("cv_[0-9]+")


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
    return open_surfaces_of(RUNS.base)


def open_surfaces_of_sweep(wildcards) -> list[str]:
    return [name for run in runs_of_sweep() for name in open_surfaces_of(run)]


def open_surfaces_of(run: str) -> list[str]:
    """Return the surfaces over the CVs where their number is known only once the production windows are placed."""
    if RUNS[run]["production"]["n_cvs"] != "auto":
        return []
    manifest = checkpoints.place_windows.get(run=run, stage="production").output.manifest
    return files_of_surfaces(run, surfaces_over_cvs(count_cvs(manifest)))


def surface_axes(wildcards) -> list[str]:
    configured = {"_".join(axes): axes for axes in RUNS[wildcards.run]["free_energy"]["surfaces"]}
    return configured.get(wildcards.axes, CV_NAME.findall(wildcards.axes))


def has_baseline(run: str) -> bool:
    return RUNS[run]["baseline"]["n_replicas"] > 0


def figures_of(run: str) -> list[str]:
    """Return every figure of a run."""
    coverage = RUNS[run]["coverage"]
    stages = stages_of(run)
    open_stages = [stage for stage in stages if RUNS[run][network_section(stage)]["n_cvs"] == "auto"]
    names = [
        "training",
        "convergence",
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


def illustrations(wildcards) -> list[str]:
    """Return the pictures of the idea, which are made on demand."""
    return [f"results/{RUNS.base}/figures/{name}.svg" for name in ("outline", "poses")]


def run_results(wildcards) -> list[str]:
    return results_of(RUNS.base)


def sweep_results(wildcards) -> list[str]:
    """Return what the whole workflow makes of every run of the sweep, and their comparison."""
    results = [name for run in runs_of_sweep() for name in results_of(run)]
    return [*results, f"results/{RUNS.sweep.name}/comparison.svg"]


def validation_results(wildcards) -> list[str]:
    """Return what the whole workflow makes of the configured run for every random seed, and all of them side by side."""
    results = [name for run in runs_of_validation() for name in results_of(run)]
    return [*results, f"results/{RUNS.validation.name}/validation.svg"]


def open_surfaces_of_validation(wildcards) -> list[str]:
    return [name for run in runs_of_validation() for name in open_surfaces_of(run)]


def baselines_results(wildcards) -> list[str]:
    return [f"results/{RUNS.baselines.name}/coverage.svg"]


def results_of(run: str) -> list[str]:
    """Return what the whole workflow makes of a run."""
    results = [f"results/{run}/{name}" for name in ("provenance.json", "rounds.csv", "summary.txt")]
    results += files_of_surfaces(run, surfaces_of(run)) + figures_of(run)
    return [*results, f"results/{run}/morphs"] if returns_positions(run) else results


def learning_results(wildcards) -> list[str]:
    """Return what is learned, without any round, from the trajectories from elsewhere and the seed."""
    names = ["round-1/encoder.npz", "round-1/decoder.npz", "round-1/training.json", "figures/learning.svg"]
    if RUNS[RUNS.base]["training"]["n_cvs"] == "auto":
        names.append("figures/n_cvs_round-1.svg")
    return [f"results/{RUNS.base}/{name}" for name in names]


def record_configs() -> None:
    """Write the resolved configuration of every run that is at work beside its results."""
    for run, resolved in RUNS.items():
        if step_of_shared_name(run):
            continue
        text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
        try:
            write_atomically(results_folder(run) / "config.yaml", lambda path, text=text: path.write_text(text))
        except StorageError as error:
            sys.exit(f"error: {error}")


def print_summaries() -> None:
    """Print the summary of the run, the validation or the methods, or where the comparison of a sweep is."""
    comparison = Path("results") / RUNS.sweep.name / "comparison.csv"
    at_work = [table.name for table in (RUNS.baselines, RUNS.validation) if is_at_work(table)]
    name = at_work[0] if at_work else RUNS.base
    summary = Path("results") / name / "summary.txt"
    if is_at_work(RUNS.sweep):
        print(f"\n{comparison} compares the runs of the sweep" if comparison.is_file() else "")
    elif summary.is_file():
        print(f"\n{summary.read_text()}")


def is_at_work(table: Sweep) -> bool:
    """Tell whether a target has asked for runs of a table, all of them but for the base."""
    others = table.rows.keys() - {RUNS.base}
    return bool(others) and others <= RUNS.keys()

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

DEFAULT_CONFIG = Path("config", "config.yaml")


# The working directory's own, else the one that comes with mesaflow.
configfile: DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else Path(workflow.current_basedir) / DEFAULT_CONFIG


include: "workflow/rules/common.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/system.smk"
include: "workflow/rules/seeding.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/free_energy.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/illustration.smk"
include: "workflow/rules/interpretation.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/validation.smk"


rule all:
    default_target: True
    input:
        run_results,
        open_surfaces,


rule learn:
    input:
        learning_results,


rule illustrate:
    input:
        illustrations,


rule sweep:
    input:
        sweep_results,
        open_surfaces_of_sweep,


rule validate:
    input:
        validation_results,
        open_surfaces_of_validation,


rule baselines:
    input:
        baselines_results,


onstart:
    record_configs()


onsuccess:
    print_summaries()

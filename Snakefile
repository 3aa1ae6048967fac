from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/system.smk"
include: "workflow/rules/seeding.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/free_energy.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/illustration.smk"
include: "workflow/rules/interpretation.smk"


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


onstart:
    record_configs()


onsuccess:
    print_summaries()

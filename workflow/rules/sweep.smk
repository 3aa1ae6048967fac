# Runs of a sweep: what they share is done in one folder and linked into the others, and at the end they are compared.


rule link_system:
    input:
        topology=owned("system", "topology.pdb"),
        system=owned("system", "system.xml"),
        platform=owned("system", "platform.json"),
    output:
        topology="results/{run}/system/topology.pdb",
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    log:
        "logs/{run}/system/link_system.log",
    benchmark:
        "benchmarks/{run}/system/link_system.tsv"
    wildcard_constraints:
        run=RUNS.members_pattern("system"),
    localrule: True
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    message:
        "{wildcards.run}: linking the system that it shares with other runs"
    script:
        "../scripts/link_system.py"


use rule link_system as link_seed with:
    input:
        owned("seed", "replica-{replica}/trajectory.dcd"),
    output:
        "results/{run}/seed/replica-{replica}/trajectory.dcd",
    log:
        "logs/{run}/seed/replica-{replica}/link_seed.log",
    benchmark:
        "benchmarks/{run}/seed/replica-{replica}/link_seed.tsv"
    wildcard_constraints:
        run=RUNS.members_pattern("seed"),
    priority: 10
    message:
        "{wildcards.run}: linking the seed simulation that it shares with other runs, replica {wildcards.replica}"


use rule link_system as link_baseline with:
    input:
        owned("unbiased", "replica-{replica}/trajectory.dcd"),
    output:
        "results/{run}/unbiased/replica-{replica}/trajectory.dcd",
    log:
        "logs/{run}/unbiased/replica-{replica}/link_baseline.log",
    benchmark:
        "benchmarks/{run}/unbiased/replica-{replica}/link_baseline.tsv"
    wildcard_constraints:
        run=RUNS.members_pattern("unbiased"),
    message:
        "{wildcards.run}: linking the unbiased simulation that it shares with other runs, replica {wildcards.replica}"


rule tabulate_sweep:
    input:
        rounds=files_of_sweep("rounds.csv"),
        states=files_of_sweep("free_energy/states.csv"),
        diagnostics=files_of_sweep("free_energy/diagnostics.json"),
        costs=files_of_sweep("costs.csv"),
    output:
        comparison="results/{sweep}/comparison.csv",
    log:
        "logs/{sweep}/tabulate_sweep.log",
    benchmark:
        "benchmarks/{sweep}/tabulate_sweep.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        rows=rows_of_sweep,
        reference_states=reference_states,
    message:
        "{wildcards.sweep}: one table of all runs"
    script:
        "../scripts/tabulate_sweep.py"


rule plot_sweep:
    input:
        table="results/{sweep}/comparison.csv",
    output:
        svg=report(
            "results/{sweep}/comparison.svg",
            caption="../report/comparison.rst",
            category="Sweep",
            labels={"sweep": "{sweep}", "figure": "comparison of its runs"},
        ),
        png="results/{sweep}/comparison.png",
    log:
        "logs/{sweep}/plot_sweep.log",
    benchmark:
        "benchmarks/{sweep}/plot_sweep.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings_of_sweep,
    message:
        "{wildcards.sweep}: drawing the comparison of its runs"
    script:
        "../scripts/plot_sweep.py"

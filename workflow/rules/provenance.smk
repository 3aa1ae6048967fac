# What a run was made from and what it has cost: known at its end.


rule tabulate_costs:
    input:
        rounds="results/{run}/rounds.csv",
        states="results/{run}/free_energy/states.csv",
        baseline=baseline_observables,
    output:
        costs="results/{run}/costs.csv",
    log:
        "logs/{run}/tabulate_costs.log",
    benchmark:
        "benchmarks/{run}/tabulate_costs.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        stages=stages_with_costs,
        shared=shared_steps,
        threads=threads_of_rules,
    message:
        "{wildcards.run}: adding up wall-clock and core hours by rule"
    script:
        "../scripts/tabulate_costs.py"


rule record_provenance:
    input:
        structure=structure_files,
        files=local_files,
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
        rounds="results/{run}/rounds.csv",
        diagnostics="results/{run}/free_energy/diagnostics.json",
        costs="results/{run}/costs.csv",
    output:
        provenance="results/{run}/provenance.json",
    log:
        "logs/{run}/record_provenance.log",
    benchmark:
        "benchmarks/{run}/record_provenance.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        random_seed=random_seed,
        seed_ns=seed_ns,
        baseline_ns=baseline_ns,
        configuration=configuration_of_results,
    message:
        "{wildcards.run}: recording versions, random seed, hashes of inputs and costs"
    script:
        "../scripts/record_provenance.py"

rule seed_unbiased:
    input:
        unpack(solvated_structure),
        topology="results/{run}/system/topology.pdb",
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    output:
        trajectory="results/{run}/seed/replica-{replica}/trajectory.dcd",
    log:
        "logs/{run}/seed/replica-{replica}/seed_unbiased.log",
    benchmark:
        "benchmarks/{run}/seed/replica-{replica}/seed_unbiased.tsv"
    wildcard_constraints:
        run=RUNS.owners_pattern("seed"),
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(240),
        mem_mb=growing(2000),
    params:
        dynamics=dynamics_settings,
        simulation=seed_settings,
        random_seed=random_seed,
        stage="seed",
    message:
        "{wildcards.run}: unbiased seed simulation, replica {wildcards.replica}"
    script:
        "../scripts/seed_unbiased.py"


use rule seed_unbiased as run_baseline with:
    output:
        trajectory="results/{run}/unbiased/replica-{replica}/trajectory.dcd",
    log:
        "logs/{run}/unbiased/replica-{replica}/run_baseline.log",
    benchmark:
        "benchmarks/{run}/unbiased/replica-{replica}/run_baseline.tsv"
    wildcard_constraints:
        run=RUNS.owners_pattern("unbiased"),
    priority: -10
    params:
        dynamics=dynamics_settings,
        simulation=baseline_settings,
        random_seed=random_seed,
        stage="unbiased",
    message:
        "{wildcards.run}: unbiased simulation for comparison, replica {wildcards.replica}"

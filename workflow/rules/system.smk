rule prepare_system:
    input:
        structure=structure_of_run,
        force_field=local_force_field,
    output:
        topology="results/{run}/system/topology.pdb",
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    log:
        "logs/{run}/system/prepare_system.log",
    benchmark:
        "benchmarks/{run}/system/prepare_system.tsv"
    wildcard_constraints:
        run=RUNS.owners_pattern("system"),
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        system=settings("system"),
        dynamics=settings("dynamics"),
    message:
        "{wildcards.run}: preparing the system and timing OpenMM's platforms on it"
    script:
        "../scripts/prepare_system.py"

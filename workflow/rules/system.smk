rule equilibrate:
    input:
        structure=structure_files,
        force_field=local_force_field,
    output:
        solvated="results/{run}/system/solvated.pdb",
        system="results/{run}/system/solvated.xml",
        table="results/{run}/system/equilibration.csv",
    log:
        "logs/{run}/system/equilibrate.log",
    benchmark:
        "benchmarks/{run}/system/equilibrate.tsv"
    wildcard_constraints:
        run=RUNS.owners_pattern("system"),
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(120),
        mem_mb=growing(4000),
    params:
        system=system_settings,
        dynamics=dynamics_settings,
        random_seed=random_seed,
    message:
        "{wildcards.run}: solvating the molecule, and bringing it to its temperature and density"
    script:
        "../scripts/equilibrate.py"


rule prepare_system:
    input:
        unpack(equilibrated),
        structure=structure_files,
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
        system=system_settings,
        dynamics=dynamics_settings,
    message:
        "{wildcards.run}: preparing the system and timing OpenMM's platforms on it"
    script:
        "../scripts/prepare_system.py"

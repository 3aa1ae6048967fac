rule prepare_system:
    input:
        structure=structure_of_run,
    output:
        topology="results/{run}/system/topology.pdb",
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    params:
        system=settings("system"),
        dynamics=settings("dynamics"),
    log:
        "logs/{run}/system/prepare_system.log",
    benchmark:
        "benchmarks/{run}/system/prepare_system.tsv"
    message:
        "{wildcards.run}: preparing the system and timing OpenMM's platforms on it"
    resources:
        runtime="10m",
        mem_mb=2000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/prepare_system.py"


rule record_provenance:
    input:
        structure=structure_of_run,
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    output:
        config="results/{run}/config.yaml",
        provenance="results/{run}/provenance.json",
    params:
        config=config_of_run,
    log:
        "logs/{run}/record_provenance.log",
    benchmark:
        "benchmarks/{run}/record_provenance.tsv"
    message:
        "{wildcards.run}: recording versions, configuration and random seeds"
    resources:
        runtime="5m",
        mem_mb=1000,
    conda:
        "../../envs/training.yaml"
    script:
        "../scripts/record_provenance.py"

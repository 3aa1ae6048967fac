rule estimate_free_energy:
    input:
        manifests=expand("results/{{run}}/{stage}/windows.tsv", stage=("production", "extension")),
        samples=production_samples,
        statuses=production_statuses,
        trajectories=production_trajectories,
        observables=expand("results/{{run}}/{stage}/observables.parquet", stage=("production", "extension")),
        encoder="results/{run}/production/encoder.npz",
        relaxed="results/{run}/production/relaxed.npz",
        topology="results/{run}/system/topology.pdb",
    output:
        states="results/{run}/free_energy/states.csv",
        diagnostics="results/{run}/free_energy/diagnostics.json",
        weights="results/{run}/free_energy/weights.npz",
    log:
        "logs/{run}/free_energy/estimate_free_energy.log",
    benchmark:
        "benchmarks/{run}/free_energy/estimate_free_energy.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(60),
        mem_mb=growing(8000),
    params:
        free_energy=state_settings,
        ramp_ps=production_ramp,
        temperature=temperature,
        random_seed=random_seed,
    message:
        "{wildcards.run}: reweighting the production samples (MBAR) and judging the result"
    script:
        "../scripts/estimate_free_energy.py"


rule project_free_energy:
    input:
        weights="results/{run}/free_energy/weights.npz",
        manifests=expand("results/{{run}}/{stage}/windows.tsv", stage=("production", "extension")),
        samples=production_samples,
        observables=expand("results/{{run}}/{stage}/observables.parquet", stage=("production", "extension")),
        encoder="results/{run}/production/encoder.npz",
    output:
        surface="results/{run}/free_energy/fes_{axes}.csv",
    log:
        "logs/{run}/free_energy/project_free_energy_{axes}.log",
    benchmark:
        "benchmarks/{run}/free_energy/project_free_energy_{axes}.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        axes=surface_axes,
        projection=projection_settings,
        temperature=temperature,
    message:
        "{wildcards.run}: free energy over {wildcards.axes}"
    script:
        "../scripts/project_free_energy.py"


rule write_summary:
    input:
        rounds="results/{run}/rounds.csv",
        states="results/{run}/free_energy/states.csv",
        diagnostics="results/{run}/free_energy/diagnostics.json",
        costs="results/{run}/costs.csv",
    output:
        summary="results/{run}/summary.txt",
    log:
        "logs/{run}/write_summary.log",
    benchmark:
        "benchmarks/{run}/write_summary.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        free_energy=state_settings,
    message:
        "{wildcards.run}: writing the summary"
    script:
        "../scripts/write_summary.py"

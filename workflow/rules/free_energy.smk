rule estimate_free_energy:
    input:
        manifest="results/{run}/production/windows.tsv",
        samples=production_samples,
        statuses=production_statuses,
        trajectories=production_trajectories,
        observables="results/{run}/production/observables.parquet",
        encoder="results/{run}/production/encoder.npz",
        topology="results/{run}/system/topology.pdb",
    output:
        states="results/{run}/free_energy/states.csv",
        diagnostics="results/{run}/free_energy/diagnostics.json",
        weights="results/{run}/free_energy/weights.npz",
    params:
        free_energy=state_settings,
        ramp_ps=production_ramp,
        temperature=temperature,
        random_seed=random_seed,
    log:
        "logs/{run}/free_energy/estimate_free_energy.log",
    benchmark:
        "benchmarks/{run}/free_energy/estimate_free_energy.tsv"
    message:
        "{wildcards.run}: reweighting the production windows (MBAR) and judging the result"
    resources:
        runtime="1h",
        mem_mb=8000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/estimate_free_energy.py"


rule project_free_energy:
    input:
        weights="results/{run}/free_energy/weights.npz",
        samples=production_samples,
        observables="results/{run}/production/observables.parquet",
        encoder="results/{run}/production/encoder.npz",
    output:
        surface="results/{run}/free_energy/fes_{axes}.csv",
    params:
        axes=surface_axes,
        projection=projection_settings,
        temperature=temperature,
    log:
        "logs/{run}/free_energy/project_free_energy_{axes}.log",
    benchmark:
        "benchmarks/{run}/free_energy/project_free_energy_{axes}.tsv"
    message:
        "{wildcards.run}: free energy over {wildcards.axes}"
    resources:
        runtime="20m",
        mem_mb=4000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/project_free_energy.py"


rule write_summary:
    input:
        rounds="results/{run}/rounds.csv",
        states="results/{run}/free_energy/states.csv",
        diagnostics="results/{run}/free_energy/diagnostics.json",
    output:
        summary="results/{run}/summary.txt",
    params:
        free_energy=state_settings,
    log:
        "logs/{run}/write_summary.log",
    benchmark:
        "benchmarks/{run}/write_summary.tsv"
    message:
        "{wildcards.run}: writing the summary"
    resources:
        runtime="5m",
        mem_mb=1000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/write_summary.py"

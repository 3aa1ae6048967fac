rule relax_frames:
    input:
        training_set="results/{run}/production/training_set.npz",
        encoder="results/{run}/production/encoder.npz",
        topology="results/{run}/system/topology.pdb",
        imported=imported_files,
        system="results/{run}/system/system.xml",
    output:
        trajectory="results/{run}/production/relaxed.dcd",
        relaxed="results/{run}/production/relaxed.npz",
    log:
        "logs/{run}/production/relax_frames.log",
    benchmark:
        "benchmarks/{run}/production/relax_frames.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(120),
        mem_mb=growing(4000),
    params:
        relaxation=relaxation_settings,
        imported=imported,
        random_seed=random_seed,
    message:
        "{wildcards.run}, production: relaxing frames from everywhere the rounds have been, and places next to them"
    script:
        "../scripts/relax_frames.py"


checkpoint place_windows:
    input:
        unpack(placement_data),
        encoder="results/{run}/{stage}/encoder.npz",
    output:
        manifest="results/{run}/{stage}/windows.tsv",
    log:
        "logs/{run}/{stage}/place_windows.log",
    benchmark:
        "benchmarks/{run}/{stage}/place_windows.tsv"
    wildcard_constraints:
        stage="round-[0-9]+|production",
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        placement=placement_settings,
        temperature=temperature,
        random_seed=random_seed,
    message:
        "{wildcards.run}, {wildcards.stage}: placing windows"
    script:
        "../scripts/place_windows.py"


checkpoint extend_windows:
    input:
        manifest="results/{run}/production/windows.tsv",
        samples=first_samples,
        statuses=first_statuses,
        trajectories=first_trajectories,
        observables="results/{run}/production/observables.parquet",
        encoder="results/{run}/production/encoder.npz",
    output:
        manifest="results/{run}/extension/windows.tsv",
    log:
        "logs/{run}/extension/extend_windows.log",
    benchmark:
        "benchmarks/{run}/extension/extend_windows.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(60),
        mem_mb=growing(8000),
    params:
        extension=extension_settings,
        free_energy=state_settings,
        ramp_ps=production_ramp,
        temperature=temperature,
        random_seed=random_seed,
    message:
        "{wildcards.run}: sharing further simulation among the production windows"
    script:
        "../scripts/extend_windows.py"


rule run_windows:
    input:
        unpack(solvated_structure),
        manifest=ancient("results/{run}/{stage}/windows.tsv"),
        starts=ancient(start_trajectories),
        imported=imported_topologies,
        encoder=encoder_of_stage,
        topology="results/{run}/system/topology.pdb",
        system="results/{run}/system/system.xml",
        platform="results/{run}/system/platform.json",
    output:
        trajectory="results/{run}/{stage}/batch-{batch}/trajectory.dcd",
        samples="results/{run}/{stage}/batch-{batch}/samples.parquet",
        status="results/{run}/{stage}/batch-{batch}/status.json",
    log:
        "logs/{run}/{stage}/batch-{batch}/run_windows.log",
    benchmark:
        "benchmarks/{run}/{stage}/batch-{batch}/run_windows.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(240),
        mem_mb=growing(2000),
    params:
        windows=batch_windows,
        imported=imported,
        in_words=batch_in_words,
        simulation=window_settings,
        dynamics=dynamics_settings,
    message:
        "{wildcards.run}, {wildcards.stage}: biased simulations of batch {wildcards.batch}, {params.in_words}"
    script:
        "../scripts/run_windows.py"


rule measure_observables:
    input:
        manifest=stage_manifest,
        trajectories=stage_trajectories,
        topology="results/{run}/system/topology.pdb",
        imported=imported_topologies,
        references=observable_references,
    output:
        observables="results/{run}/{trajectories}/observables.parquet",
    log:
        "logs/{run}/{trajectories}/measure_observables.log",
    benchmark:
        "benchmarks/{run}/{trajectories}/measure_observables.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        observables=settings("observables"),
        imported=imported,
    message:
        "{wildcards.run}: measuring observables in the trajectories of {wildcards.trajectories}"
    script:
        "../scripts/measure_observables.py"


rule assess_round:
    input:
        unpack(round_results),
    output:
        assessment="results/{run}/round-{round}/assessment.json",
    log:
        "logs/{run}/round-{round}/assess_round.log",
    benchmark:
        "benchmarks/{run}/round-{round}/assess_round.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(4000),
    params:
        convergence=convergence_settings,
        coverage=settings("coverage"),
        observables=settings("observables"),
    message:
        "{wildcards.run}: assessing round {wildcards.round}"
    script:
        "../scripts/assess_round.py"


rule summarise_rounds:
    input:
        assessments=round_assessments,
    output:
        rounds="results/{run}/rounds.csv",
    log:
        "logs/{run}/summarise_rounds.log",
    benchmark:
        "benchmarks/{run}/summarise_rounds.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    message:
        "{wildcards.run}: one table of all rounds"
    script:
        "../scripts/summarise_rounds.py"

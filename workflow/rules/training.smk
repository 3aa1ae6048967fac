rule align_trajectories:
    input:
        unpack(training_data),
        topology="results/{run}/system/topology.pdb",
    output:
        training_set="results/{run}/{stage}/training_set.npz",
    params:
        training=data_settings,
        random_seed=random_seed,
    log:
        "logs/{run}/{stage}/align_trajectories.log",
    benchmark:
        "benchmarks/{run}/{stage}/align_trajectories.tsv"
    message:
        "{wildcards.run}, {wildcards.stage}: superposing the new trajectories and adding them to the training set"
    priority: 10
    resources:
        runtime="20m",
        mem_mb=4000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/align_trajectories.py"


rule train_autoencoder:
    input:
        unpack(previous_encoder),
        training_set="results/{run}/{stage}/training_set.npz",
    output:
        encoder="results/{run}/{stage}/restart-{restart}/encoder.npz",
        training="results/{run}/{stage}/restart-{restart}/training.json",
    params:
        training=training_settings,
        random_seed=random_seed,
    log:
        "logs/{run}/{stage}/restart-{restart}/train_autoencoder.log",
    benchmark:
        "benchmarks/{run}/{stage}/restart-{restart}/train_autoencoder.tsv"
    message:
        "{wildcards.run}, {wildcards.stage}: training autoencoder {wildcards.restart}"
    priority: 10
    resources:
        runtime="2h",
        mem_mb=4000,
    conda:
        "../../envs/training.yaml"
    script:
        "../scripts/train_autoencoder.py"


rule select_encoder:
    input:
        encoders=restart_encoders,
        trainings=restart_trainings,
    output:
        encoder="results/{run}/{stage}/encoder.npz",
        training="results/{run}/{stage}/training.json",
    log:
        "logs/{run}/{stage}/select_encoder.log",
    benchmark:
        "benchmarks/{run}/{stage}/select_encoder.tsv"
    message:
        "{wildcards.run}, {wildcards.stage}: keeping the encoder that explains the most validation variance"
    priority: 10
    resources:
        runtime="5m",
        mem_mb=1000,
    conda:
        "../../envs/simulation.yaml"
    script:
        "../scripts/select_encoder.py"

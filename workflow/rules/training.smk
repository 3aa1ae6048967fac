rule align_trajectories:
    input:
        unpack(training_data),
        topology="results/{run}/system/topology.pdb",
        reference=input_reference,
        imported=imported_topologies,
    output:
        training_set="results/{run}/{stage}/training_set.npz",
    log:
        "logs/{run}/{stage}/align_trajectories.log",
    benchmark:
        "benchmarks/{run}/{stage}/align_trajectories.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        training=data_settings,
        temperature=temperature,
        imported=imported,
        random_seed=random_seed,
    message:
        "{wildcards.run}, {wildcards.stage}: superposing the new trajectories and adding them to the training set"
    script:
        "../scripts/align_trajectories.py"


rule train_autoencoder:
    input:
        unpack(previous_network),
        training_set="results/{run}/{stage}/training_set.npz",
        topology="results/{run}/system/topology.pdb",
        references=output_references,
    output:
        encoder="results/{run}/{stage}/n_cvs-{n_cvs}/restart-{restart}/encoder.npz",
        decoder="results/{run}/{stage}/n_cvs-{n_cvs}/restart-{restart}/decoder.npz",
        training="results/{run}/{stage}/n_cvs-{n_cvs}/restart-{restart}/training.json",
    log:
        "logs/{run}/{stage}/n_cvs-{n_cvs}/restart-{restart}/train_autoencoder.log",
    benchmark:
        "benchmarks/{run}/{stage}/n_cvs-{n_cvs}/restart-{restart}/train_autoencoder.tsv"
    priority: 10
    conda:
        "../../envs/training.yaml"
    resources:
        runtime=growing(120),
        mem_mb=growing(4000),
    params:
        training=training_settings,
        atoms=training_atoms,
        random_seed=random_seed,
    message:
        "{wildcards.run}, {wildcards.stage}: training an autoencoder with {wildcards.n_cvs} CVs, restart {wildcards.restart}"
    script:
        "../scripts/train_autoencoder.py"


rule select_encoder:
    input:
        encoders=candidate_encoders,
        decoders=candidate_decoders,
        trainings=candidate_trainings,
        training_set="results/{run}/{stage}/training_set.npz",
    output:
        encoder="results/{run}/{stage}/encoder.npz",
        decoder="results/{run}/{stage}/decoder.npz",
        training="results/{run}/{stage}/training.json",
        fve_by_n_cvs="results/{run}/{stage}/fve_by_n_cvs.csv",
    log:
        "logs/{run}/{stage}/select_encoder.log",
    benchmark:
        "benchmarks/{run}/{stage}/select_encoder.tsv"
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(2000),
    message:
        "{wildcards.run}, {wildcards.stage}: choosing the network that explains the most validation variance"
    script:
        "../scripts/select_encoder.py"

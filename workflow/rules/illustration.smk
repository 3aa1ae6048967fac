# The idea of the method in pictures. They cost as much as a round's training, so `snakemake illustrate` makes them.


rule learn_outline:
    output:
        outlines="results/{run}/figures/outline_curves.csv",
        latents="results/{run}/figures/outline_latents.csv",
        scores="results/{run}/figures/outline_scores.csv",
    log:
        "logs/{run}/figures/learn_outline.log",
    benchmark:
        "benchmarks/{run}/figures/learn_outline.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(2000),
    params:
        random_seed=random_seed,
    message:
        "{wildcards.run}: training a plain and an augmented autoencoder on outlines of a fish"
    script:
        "../scripts/learn_outline.py"


rule plot_outline:
    input:
        outlines="results/{run}/figures/outline_curves.csv",
        latents="results/{run}/figures/outline_latents.csv",
        scores="results/{run}/figures/outline_scores.csv",
    output:
        svg=report(
            "results/{run}/figures/outline.svg",
            caption="../report/outline.rst",
            category="Idea",
            labels={"run": "{run}", "figure": "fish in many poses"},
        ),
        png="results/{run}/figures/outline.png",
    log:
        "logs/{run}/figures/plot_outline.log",
    benchmark:
        "benchmarks/{run}/figures/plot_outline.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing fish in many poses"
    script:
        "../scripts/plot_outline.py"


rule measure_poses:
    input:
        training_set=last_training_set,
    output:
        latents="results/{run}/figures/poses_latents.csv",
        fractions="results/{run}/figures/poses_fractions.csv",
    log:
        "logs/{run}/figures/measure_poses.log",
    benchmark:
        "benchmarks/{run}/figures/measure_poses.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        runtime=growing(120),
        mem_mb=growing(4000),
    params:
        training=pose_settings,
        random_seed=random_seed,
    message:
        "{wildcards.run}: training networks without invariance, with augmentation and with alignment"
    script:
        "../scripts/measure_poses.py"


rule plot_poses:
    input:
        latents="results/{run}/figures/poses_latents.csv",
        fractions="results/{run}/figures/poses_fractions.csv",
    output:
        svg=report(
            "results/{run}/figures/poses.svg",
            caption="../report/poses.rst",
            category="Idea",
            labels={"run": "{run}", "figure": "one conformation in many poses"},
        ),
        png="results/{run}/figures/poses.png",
    log:
        "logs/{run}/figures/plot_poses.log",
    benchmark:
        "benchmarks/{run}/figures/plot_poses.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing one conformation in many poses"
    script:
        "../scripts/plot_poses.py"

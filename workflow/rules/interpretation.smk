# What the collective variables mean. A job does it for all stages at once: each costs less than its imports.


rule describe_cvs:
    input:
        unpack(learned_trajectories),
        encoders=stage_encoders,
        topology="results/{run}/system/topology.pdb",
        imported=imported_topologies,
    output:
        correlations="results/{run}/figures/cv_correlations.csv",
        gradients="results/{run}/figures/cv_gradients.csv",
    log:
        "logs/{run}/figures/describe_cvs.log",
    benchmark:
        "benchmarks/{run}/figures/describe_cvs.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        stages=stage_names,
        imported=imported,
    message:
        "{wildcards.run}: correlating collective variables with dihedrals and distances, and taking their gradients"
    script:
        "../scripts/describe_cvs.py"


rule plot_cv_correlations:
    input:
        table="results/{run}/figures/cv_correlations.csv",
    output:
        svg=report(
            "results/{run}/figures/cv_correlations.svg",
            caption="../report/cv_correlations.rst",
            category="Meaning",
            labels={"run": "{run}", "figure": "correlation with dihedrals and distances"},
        ),
        png="results/{run}/figures/cv_correlations.png",
    log:
        "logs/{run}/figures/plot_cv_correlations.log",
    benchmark:
        "benchmarks/{run}/figures/plot_cv_correlations.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing what the collective variables go with"
    script:
        "../scripts/plot_cv_correlations.py"


rule plot_cv_gradients:
    input:
        table="results/{run}/figures/cv_gradients.csv",
    output:
        svg=report(
            "results/{run}/figures/cv_gradients.svg",
            caption="../report/cv_gradients.rst",
            category="Meaning",
            labels={"run": "{run}", "figure": "gradient by atom"},
        ),
        png="results/{run}/figures/cv_gradients.png",
    log:
        "logs/{run}/figures/plot_cv_gradients.log",
    benchmark:
        "benchmarks/{run}/figures/plot_cv_gradients.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing which atoms the collective variables feel"
    script:
        "../scripts/plot_cv_gradients.py"


rule morph_cvs:
    input:
        encoders=stage_encoders,
        decoders=stage_decoders,
        training_sets=stage_training_sets,
        topology="results/{run}/system/topology.pdb",
    output:
        morphs=directory("results/{run}/morphs"),
    log:
        "logs/{run}/morph_cvs.log",
    benchmark:
        "benchmarks/{run}/morph_cvs.tsv"
    conda:
        "../../envs/training.yaml"
    resources:
        runtime=growing(20),
        mem_mb=growing(4000),
    params:
        stages=stage_names,
    message:
        "{wildcards.run}: decoding a morph along each collective variable"
    script:
        "../scripts/morph_cvs.py"

# Every figure comes from a table of its own, so that changing a figure setting redraws figures and nothing else.


rule tabulate_training:
    input:
        trainings=round_trainings,
    output:
        table="results/{run}/figures/training.csv",
    log:
        "logs/{run}/figures/tabulate_training.log",
    benchmark:
        "benchmarks/{run}/figures/tabulate_training.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    message:
        "{wildcards.run}: tabulating losses"
    script:
        "../scripts/tabulate_training.py"


rule plot_training:
    input:
        table="results/{run}/figures/training.csv",
    output:
        svg=report(
            "results/{run}/figures/training.svg",
            caption="../report/training.rst",
            category="Learning",
            labels={"run": "{run}", "figure": "loss and explained variance"},
        ),
        png="results/{run}/figures/training.png",
    log:
        "logs/{run}/figures/plot_training.log",
    benchmark:
        "benchmarks/{run}/figures/plot_training.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing losses"
    script:
        "../scripts/plot_training.py"


use rule tabulate_training as tabulate_learning with:
    input:
        trainings=first_training,
    output:
        table="results/{run}/figures/learning.csv",
    log:
        "logs/{run}/figures/tabulate_learning.log",
    benchmark:
        "benchmarks/{run}/figures/tabulate_learning.tsv"
    message:
        "{wildcards.run}: tabulating the losses of the first encoder"


use rule plot_training as plot_learning with:
    input:
        table="results/{run}/figures/learning.csv",
    output:
        svg=report(
            "results/{run}/figures/learning.svg",
            caption="../report/training.rst",
            category="Learning",
            labels={"run": "{run}", "figure": "the first encoder"},
        ),
        png="results/{run}/figures/learning.png",
    log:
        "logs/{run}/figures/plot_learning.log",
    benchmark:
        "benchmarks/{run}/figures/plot_learning.tsv"
    message:
        "{wildcards.run}: drawing the losses of the first encoder"


rule plot_n_cvs:
    input:
        table="results/{run}/{stage}/fve_by_n_cvs.csv",
    output:
        svg=report(
            "results/{run}/figures/n_cvs_{stage}.svg",
            caption="../report/n_cvs.rst",
            category="Learning",
            labels={"run": "{run}", "figure": "number of CVs, {stage}"},
        ),
        png="results/{run}/figures/n_cvs_{stage}.png",
        table="results/{run}/figures/n_cvs_{stage}.csv",
    log:
        "logs/{run}/figures/plot_n_cvs_{stage}.log",
    benchmark:
        "benchmarks/{run}/figures/plot_n_cvs_{stage}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing the variance explained by 1, 2, … CVs in {wildcards.stage}"
    script:
        "../scripts/plot_n_cvs.py"


rule tabulate_latent:
    input:
        training_set="results/{run}/{stage}/training_set.npz",
        encoder="results/{run}/{stage}/encoder.npz",
        manifest="results/{run}/{stage}/windows.tsv",
        observables=observables_before,
    output:
        table="results/{run}/figures/latent_{stage}.csv",
    log:
        "logs/{run}/figures/tabulate_latent_{stage}.log",
    benchmark:
        "benchmarks/{run}/figures/tabulate_latent_{stage}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        kinds=observable_kinds,
    message:
        "{wildcards.run}: tabulating the latent of {wildcards.stage}"
    script:
        "../scripts/tabulate_latent.py"


rule plot_latent:
    input:
        table="results/{run}/figures/latent_{stage}.csv",
    output:
        svg=report(
            "results/{run}/figures/latent_{stage}.svg",
            caption="../report/latent.rst",
            category="Latent",
            labels={"run": "{run}", "figure": "{stage}"},
        ),
        png="results/{run}/figures/latent_{stage}.png",
    log:
        "logs/{run}/figures/plot_latent_{stage}.log",
    benchmark:
        "benchmarks/{run}/figures/plot_latent_{stage}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
        kinds=observable_kinds,
    message:
        "{wildcards.run}: drawing the latent of {wildcards.stage}"
    script:
        "../scripts/plot_latent.py"


rule tabulate_coverage:
    input:
        rounds="results/{run}/rounds.csv",
        observables=round_observables,
        baseline=baseline_observables,
    output:
        maps="results/{run}/figures/coverage_map_{axes}.csv",
        growth="results/{run}/figures/coverage_growth_{axes}.csv",
    log:
        "logs/{run}/figures/tabulate_coverage_{axes}.log",
    benchmark:
        "benchmarks/{run}/figures/tabulate_coverage_{axes}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        axes=coverage_axes,
        observables=settings("observables"),
        seed_ns=seed_ns,
        baseline_ns_per_frame=baseline_ns_per_frame,
    message:
        "{wildcards.run}: tabulating the coverage of {wildcards.axes}"
    script:
        "../scripts/tabulate_coverage.py"


rule plot_coverage_maps:
    input:
        table="results/{run}/figures/coverage_map_{axes}.csv",
    output:
        svg=report(
            "results/{run}/figures/coverage_map_{axes}.svg",
            caption="../report/coverage_maps.rst",
            category="Exploration",
            labels={"run": "{run}", "figure": "coverage by round"},
        ),
        png="results/{run}/figures/coverage_map_{axes}.png",
    log:
        "logs/{run}/figures/plot_coverage_maps_{axes}.log",
    benchmark:
        "benchmarks/{run}/figures/plot_coverage_maps_{axes}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
        axes=coverage_axes,
        observables=settings("observables"),
    message:
        "{wildcards.run}: drawing the coverage of {wildcards.axes}"
    script:
        "../scripts/plot_coverage_maps.py"


rule plot_coverage_growth:
    input:
        table="results/{run}/figures/coverage_growth_{axes}.csv",
    output:
        svg=report(
            "results/{run}/figures/coverage_growth_{axes}.svg",
            caption="../report/coverage_growth.rst",
            category="Exploration",
            labels={"run": "{run}", "figure": "coverage over simulated time"},
        ),
        png="results/{run}/figures/coverage_growth_{axes}.png",
    log:
        "logs/{run}/figures/plot_coverage_growth_{axes}.log",
    benchmark:
        "benchmarks/{run}/figures/plot_coverage_growth_{axes}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing the growth of coverage"
    script:
        "../scripts/plot_coverage_growth.py"


rule tabulate_convergence:
    input:
        rounds="results/{run}/rounds.csv",
    output:
        table="results/{run}/figures/convergence.csv",
    log:
        "logs/{run}/figures/tabulate_convergence.log",
    benchmark:
        "benchmarks/{run}/figures/tabulate_convergence.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        convergence=convergence_thresholds,
    message:
        "{wildcards.run}: tabulating the evidence for convergence"
    script:
        "../scripts/tabulate_convergence.py"


rule plot_convergence:
    input:
        table="results/{run}/figures/convergence.csv",
    output:
        svg=report(
            "results/{run}/figures/convergence.svg",
            caption="../report/convergence.rst",
            category="Exploration",
            labels={"run": "{run}", "figure": "evidence for convergence"},
        ),
        png="results/{run}/figures/convergence.png",
    log:
        "logs/{run}/figures/plot_convergence.log",
    benchmark:
        "benchmarks/{run}/figures/plot_convergence.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings,
    message:
        "{wildcards.run}: drawing the evidence for convergence"
    script:
        "../scripts/plot_convergence.py"


rule plot_free_energy:
    input:
        table="results/{run}/free_energy/fes_{axes}.csv",
        published=published_values,
    output:
        svg=report(
            "results/{run}/figures/fes_{axes}.svg",
            caption="../report/free_energy.rst",
            category="Free energy",
            labels={"run": "{run}", "figure": "over {axes}"},
        ),
        png="results/{run}/figures/fes_{axes}.png",
        table="results/{run}/figures/fes_{axes}.csv",
    log:
        "logs/{run}/figures/plot_free_energy_{axes}.log",
    benchmark:
        "benchmarks/{run}/figures/plot_free_energy_{axes}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=settings("figures"),
        axes=surface_axes,
    message:
        "{wildcards.run}: drawing the free energy over {wildcards.axes}"
    script:
        "../scripts/plot_free_energy.py"

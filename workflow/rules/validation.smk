# The configured run for several random seeds, held against published values.


rule tabulate_growth:
    input:
        rounds="results/{run}/rounds.csv",
        observables=round_observables,
    output:
        growth="results/{run}/growth.csv",
    log:
        "logs/{run}/tabulate_growth.log",
    benchmark:
        "benchmarks/{run}/tabulate_growth.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(2000),
    params:
        coverage=settings("coverage"),
        observables=settings("observables"),
        cores=cores,
        kinds=kinds_of_cores,
        seed_ns=seed_ns,
    message:
        "{wildcards.run}: tabulating what was reached after how much simulated time"
    script:
        "../scripts/tabulate_growth.py"


rule tabulate_validation:
    input:
        unpack(profiles_of_validation),
        growth=files_of_validation("growth.csv"),
        rounds=files_of_validation("rounds.csv"),
        states=files_of_validation("free_energy/states.csv"),
        diagnostics=files_of_validation("free_energy/diagnostics.json"),
        costs=files_of_validation("costs.csv"),
        published=published_in_validation,
    output:
        table="results/{validation}/validation.csv",
        growth="results/{validation}/growth.csv",
        profiles="results/{validation}/profiles.csv",
        published="results/{validation}/published.csv",
        summary="results/{validation}/summary.txt",
    log:
        "logs/{validation}/tabulate_validation.log",
    benchmark:
        "benchmarks/{validation}/tabulate_validation.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        runs=seeds_of_validation,
        profiles=profiles_in_validation,
        validation=validation_settings,
    message:
        "{wildcards.validation}: one table of all runs"
    script:
        "../scripts/tabulate_validation.py"


rule plot_validation:
    input:
        table="results/{validation}/validation.csv",
        growth="results/{validation}/growth.csv",
        profiles="results/{validation}/profiles.csv",
        published="results/{validation}/published.csv",
    output:
        svg=report(
            "results/{validation}/validation.svg",
            caption="../report/validation.rst",
            category="Validation",
            labels={"validation": "{validation}", "figure": "all random seeds"},
        ),
        png="results/{validation}/validation.png",
    log:
        "logs/{validation}/plot_validation.log",
    benchmark:
        "benchmarks/{validation}/plot_validation.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings_of_sweep,
    message:
        "{wildcards.validation}: drawing all runs"
    script:
        "../scripts/plot_validation.py"


use rule tabulate_growth as tabulate_unbiased_growth with:
    input:
        observables=["results/{run}/unbiased/observables.parquet"],
    output:
        growth="results/{run}/unbiased/growth.csv",
    log:
        "logs/{run}/unbiased/tabulate_unbiased_growth.log",
    benchmark:
        "benchmarks/{run}/unbiased/tabulate_unbiased_growth.tsv"
    params:
        coverage=settings("coverage"),
        observables=settings("observables"),
        cores=cores,
        kinds=kinds_of_cores,
        ns_per_frame=baseline_ns_per_frame,
    message:
        "{wildcards.run}: tabulating what unbiased simulations reached after how much simulated time"


rule tabulate_baselines:
    input:
        growth=growth_of_methods,
    output:
        table="results/{baselines}/baselines.csv",
        coverage="results/{baselines}/coverage.csv",
        summary="results/{baselines}/summary.txt",
    log:
        "logs/{baselines}/tabulate_baselines.log",
    benchmark:
        "benchmarks/{baselines}/tabulate_baselines.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(5),
        mem_mb=growing(1000),
    params:
        methods=runs_by_method,
        coverage_ns=coverage_ns,
    message:
        "{wildcards.baselines}: one table of all methods"
    script:
        "../scripts/tabulate_baselines.py"


rule plot_baselines:
    input:
        coverage="results/{baselines}/coverage.csv",
    output:
        svg=report(
            "results/{baselines}/coverage.svg",
            caption="../report/baselines.rst",
            category="Validation",
            labels={"validation": "{baselines}", "figure": "coverage by method"},
        ),
        png="results/{baselines}/coverage.png",
    log:
        "logs/{baselines}/plot_baselines.log",
    benchmark:
        "benchmarks/{baselines}/plot_baselines.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        runtime=growing(10),
        mem_mb=growing(2000),
    params:
        figures=drawing_settings_of_sweep,
    message:
        "{wildcards.baselines}: drawing the coverage of all methods"
    script:
        "../scripts/plot_baselines.py"

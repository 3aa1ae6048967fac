"""Train one autoencoder, or hand the last round's through where the rounds before have converged."""

from mesaflow.job import log_to

from mesaflow.dataset import TrainingSet
from mesaflow.files import copy_file, read_json, write_json
from mesaflow.progress import EpochProgress
from mesaflow.randomness import derive_seed
from mesaflow.trajectories import load_topology


def main(snakemake):
    settings = snakemake.params.training
    stage, n_cvs, restart = (snakemake.wildcards[name] for name in ("stage", "n_cvs", "restart"))
    with log_to(snakemake.log[0]) as log:
        if snakemake.input.get("assessment") and read_json(snakemake.input.assessment)["converged"]:
            log.info("the rounds before have converged: the last network is handed through")
            for name in ("encoder", "decoder"):
                copy_file(snakemake.input[f"previous_{name}"], snakemake.output[name])
            training = read_json(snakemake.input.previous_training)
            write_json(snakemake.output.training, training | {"handed_through": True})
            return

        import torch  # takes seconds, which a round after convergence saves

        from mesaflow.learning import train_network

        torch.set_num_threads(snakemake.threads)
        seed = derive_seed(snakemake.params.random_seed, stage, "training", n_cvs, restart)
        training_set = TrainingSet.load(snakemake.input.training_set)
        validates = training_set.is_validation[training_set.selected]
        log.info("%d frames, %d of them for validation, random seed %d", len(validates), sum(validates), seed)
        with EpochProgress(settings["max_epochs"], f"{stage}, {n_cvs} CVs, restart {restart}") as progress:
            topology = load_topology(snakemake.input.topology)
            settings = settings | {"atoms": snakemake.params.atoms}
            result = train_network(training_set, topology, settings, int(n_cvs), seed, progress.update)
        log.info("FVE %.4f in training, %.4f in validation", result.fve_training, result.fve_validation)
        result.encoder.save(snakemake.output.encoder)
        result.decoder.save(snakemake.output.decoder)
        write_json(snakemake.output.training, result.summary() | {"random_seed": seed})


if __name__ == "__main__":
    main(snakemake)

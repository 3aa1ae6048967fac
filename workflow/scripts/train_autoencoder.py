"""Train one autoencoder, or hand the last round's encoder through where nothing new was simulated."""

import shutil

from mesaflow.dataset import TrainingSet
from mesaflow.features import find_features
from mesaflow.files import write_json
from mesaflow.progress import EpochProgress, log_to
from mesaflow.randomness import derive_seed
from mesaflow.trajectories import load_topology


def main(snakemake):
    settings = snakemake.params.training
    stage, restart = snakemake.wildcards.stage, snakemake.wildcards.restart
    with log_to(snakemake.log[0]) as log:
        training_set = TrainingSet.load(snakemake.input.training_set)
        if training_set.n_new == 0 and snakemake.input.get("previous_encoder"):
            log.info("no new frames: the encoder of the last round is handed through")
            shutil.copyfile(snakemake.input.previous_encoder, snakemake.output.encoder)
            shutil.copyfile(snakemake.input.previous_training, snakemake.output.training)
            return

        import torch  # takes seconds, which a round after convergence saves

        from mesaflow.training import TrainingSettings, train

        torch.set_num_threads(snakemake.threads)
        seed = derive_seed(snakemake.params.random_seed, stage, "training", restart)
        features = find_features(load_topology(snakemake.input.topology), training_set.atoms, settings)
        aligned, is_validation = training_set.select(settings["max_frames"])
        log.info("%d training and %d validation frames, random seed %d", sum(~is_validation), sum(is_validation), seed)
        with EpochProgress(settings["max_epochs"], f"{stage} autoencoder {restart}") as progress:
            result = train(
                aligned,
                is_validation,
                training_set.references,
                training_set.atoms,
                TrainingSettings.from_config(settings, features),
                seed,
                on_epoch=progress.update,
            )
        log.info("FVE %.4f in training, %.4f in validation", result.fve_training, result.fve_validation)
        result.encoder.save(snakemake.output.encoder)
        write_json(snakemake.output.training, result.summary() | {"random_seed": seed})


if __name__ == "__main__":
    main(snakemake)

"""Train one autoencoder, or hand the last round's through where the rounds before have converged."""

import shutil

from mesaflow.dataset import TrainingSet
from mesaflow.features import find_features
from mesaflow.files import read_json, write_json
from mesaflow.outputs import find_outputs
from mesaflow.progress import EpochProgress, log_to
from mesaflow.randomness import derive_seed
from mesaflow.trajectories import load_reference, load_topology


def main(snakemake):
    settings = snakemake.params.training
    stage, n_cvs, restart = (snakemake.wildcards[name] for name in ("stage", "n_cvs", "restart"))
    with log_to(snakemake.log[0]) as log:
        if snakemake.input.get("assessment") and read_json(snakemake.input.assessment)["converged"]:
            log.info("the rounds before have converged: the last network is handed through")
            for name in ("encoder", "decoder", "training"):
                shutil.copyfile(snakemake.input[f"previous_{name}"], snakemake.output[name])
            return

        import torch  # takes seconds, which a round after convergence saves

        from mesaflow.training import TrainingSettings, train

        torch.set_num_threads(snakemake.threads)
        seed = derive_seed(snakemake.params.random_seed, stage, "training", n_cvs, restart)
        training_set = TrainingSet.load(snakemake.input.training_set)
        topology = load_topology(snakemake.input.topology)
        features = find_features(topology, training_set.atoms, settings)

        def reference(path):
            if path is None:
                return training_set.reference
            return load_reference(path, topology, snakemake.params.atoms, "training.outputs")

        outputs = find_outputs(topology, training_set.atoms, settings, reference)
        selected = training_set.select(settings["max_frames"])
        is_validation = training_set.is_validation[selected]
        log.info("%d training and %d validation frames, random seed %d", sum(~is_validation), sum(is_validation), seed)
        with EpochProgress(settings["max_epochs"], f"{stage}, {n_cvs} CVs, restart {restart}") as progress:
            result = train(
                training_set.frames[selected],
                is_validation,
                training_set.reference,
                training_set.atoms,
                TrainingSettings.from_config(settings, features, outputs, int(n_cvs)),
                seed,
                on_epoch=progress.update,
                weights=training_set.weight[selected] if settings["frame_weights"] == "unbiased" else None,
            )
        log.info("FVE %.4f in training, %.4f in validation", result.fve_training, result.fve_validation)
        result.encoder.save(snakemake.output.encoder)
        result.decoder.save(snakemake.output.decoder)
        write_json(snakemake.output.training, result.summary() | {"random_seed": seed})


if __name__ == "__main__":
    main(snakemake)

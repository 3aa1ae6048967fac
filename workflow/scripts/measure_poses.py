"""Train three networks that differ in how they become invariant; tabulate where one conformation in many poses goes."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd
import torch

from mesaflow.augmentation import random_rotations
from mesaflow.dataset import TrainingSet
from mesaflow.features import Features
from mesaflow.files import write_csv
from mesaflow.progress import EpochProgress
from mesaflow.randomness import derive_seed
from mesaflow.training import TrainingSettings, train

INVARIANCES = ("none", "augmentation", "alignment")
N_CVS = 2  # what a picture can show
N_POSES = 500
N_FRAMES = 3000  # points of a latent, enough to show its form


def main(snakemake):
    settings = snakemake.params.training
    torch.set_num_threads(snakemake.threads)
    seed = derive_seed(snakemake.params.random_seed, "poses")
    rng = np.random.default_rng(seed)
    latents, fractions = [], []
    with log_to(snakemake.log[0]) as log:
        training_set = TrainingSet.load(snakemake.input.training_set)
        selected = training_set.selected
        posed = pose_frames(training_set, rng)
        for invariance in INVARIANCES:
            with EpochProgress(settings["max_epochs"], invariance) as progress:
                result = train(
                    training_set.frames[selected],
                    training_set.is_validation[selected],
                    training_set.reference,
                    training_set.atoms,
                    TrainingSettings.from_config(settings | {"invariance": invariance}, Features(), (), N_CVS),
                    derive_seed(seed, "training"),
                    on_epoch=progress.update,
                    weights=training_set.weight[selected] if settings["frame_weights"] == "unbiased" else None,
                )
            log.info("%s: pose-variance fractions %s", invariance, result.pose_variance_fraction)
            columns = [f"cv_{k + 1}" for k in range(result.encoder.n_cvs)]
            for kind, frames in posed.items():
                cvs = pd.DataFrame(result.encoder.evaluate(frames), columns=columns)
                latents.append(cvs.assign(invariance=invariance, kind=kind))
            named = {"invariance": invariance, "fve_validation": result.fve_validation}
            rows = pd.DataFrame({"cv": columns, "pose_variance_fraction": result.pose_variance_fraction})
            fractions.append(rows.assign(**named))
    write_csv(snakemake.output.latents, pd.concat(latents), float_format="%.5g")
    write_csv(snakemake.output.fractions, pd.concat(fractions), float_format="%.4g")


def pose_frames(training_set: TrainingSet, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return frames from the whole training set, each in a random pose, and one validation frame in many."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    shown = np.unique(np.linspace(0, training_set.n_frames - 1, N_FRAMES).round().astype(int))
    chosen = rng.choice(np.flatnonzero(training_set.is_validation))
    return {
        "frame": training_set.frames[shown] @ random_poses(len(shown), generator),
        "pose": training_set.frames[chosen] @ random_poses(N_POSES, generator),
    }


def random_poses(n_poses: int, generator: torch.Generator) -> np.ndarray:
    return random_rotations(n_poses, generator, dtype=torch.float64).numpy()


if __name__ == "__main__":
    main(snakemake)

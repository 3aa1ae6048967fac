"""Train a plain and an augmented autoencoder on outlines of a fish; tabulate what goes in, what comes out and the latents."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd
import torch

from mesaflow.files import write_csv
from mesaflow.illustration import School, score_outline_network, train_outline_network
from mesaflow.randomness import derive_seed

SUPERPOSES = {"plain": False, "augmented": True}
"""Whether the target of each network is superposed."""

EXAMPLES = School(
    bends=np.radians([-50, -50, -50, 40, 40, 40]),
    girths=np.array([0.6, 0.6, 0.6, 1.4, 1.4, 1.4]),
    poses=np.radians([-150, -30, 80, 20, 130, -100]),
)
"""Two fish in three poses each."""

N_FISH = 2000  # points of a latent, enough to show its form


def main(snakemake):
    torch.set_num_threads(snakemake.threads)
    seed = derive_seed(snakemake.params.random_seed, "outline")
    fish = School.random(N_FISH, np.random.default_rng(derive_seed(seed, "latent")))
    outlines, latents, scores = [tabulate_outlines("input", EXAMPLES.outlines)], [], []
    with log_to(snakemake.log[0]) as log:
        for name, superposes in SUPERPOSES.items():
            network = train_outline_network(superposes, derive_seed(seed, "training"))
            score = score_outline_network(network, derive_seed(seed, "scores"))
            log.info("%s autoencoder: %s", name, score)
            scores.append({"network": name} | score.summary())
            outlines.append(tabulate_outlines(f"{name}_target", network.target(EXAMPLES.outlines)))
            outlines.append(tabulate_outlines(f"{name}_output", network.apply(EXAMPLES.outlines)))
            for kind, school in (("fish", fish), ("example", EXAMPLES)):
                latents.append(tabulate_latent(school, network.evaluate(school.outlines), network=name, kind=kind))
    write_csv(snakemake.output.outlines, pd.concat(outlines), float_format="%.4f")
    write_csv(snakemake.output.latents, pd.concat(latents), float_format="%.4f")
    write_csv(snakemake.output.scores, pd.DataFrame(scores), float_format="%.6g")


def tabulate_outlines(curve: str, outlines: np.ndarray) -> pd.DataFrame:
    """Return one row a point; the last point of an example is the eye."""
    example, point = np.indices(outlines.shape).reshape(2, -1)
    columns = {"curve": curve, "example": example, "point": point}
    return pd.DataFrame(columns | {"x": outlines.real.ravel(), "y": outlines.imag.ravel()})


def tabulate_latent(school: School, cvs: np.ndarray, **columns: str) -> pd.DataFrame:
    """Return one row a fish."""
    angles = {"bend_deg": np.degrees(school.bends), "pose_deg": np.degrees(school.poses)}
    return pd.DataFrame(columns | angles | {"girth": school.girths, "cv_1": cvs[:, 0], "cv_2": cvs[:, 1]})


if __name__ == "__main__":
    main(snakemake)

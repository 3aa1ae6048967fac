"""Place a stage's windows: beyond the boundary in a round, overlapping everywhere in production."""

import numpy as np

from mesaflow.boundary import find_edges, find_sparse_cells
from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import read_json
from mesaflow.manifest import write_manifest
from mesaflow.progress import log_to
from mesaflow.randomness import derive_seed
from mesaflow.units import thermal_energy
from mesaflow.windows import Window, place_boundary_windows, place_overlapping_windows


def place(
    training_set: TrainingSet, encoder: Encoder, placement: dict, temperature: float, random_seed: int
) -> list[Window]:
    """Place windows as a stage's settings ask for."""
    rng = np.random.default_rng(random_seed)
    cvs, n_windows = encoder.evaluate(training_set.frames), placement["n_windows"]
    if "boundary" not in placement:
        return place_overlapping_windows(
            cvs, encoder.periods, n_windows, placement["spacing_in_widths"], thermal_energy(temperature), rng
        )
    if placement["boundary"] == "edges":
        boundary = find_edges(cvs, encoder.periods, n_windows, rng)
    else:
        boundary = find_sparse_cells(cvs, encoder.periods, n_windows, placement["n_bins"], rng)
    return place_boundary_windows(
        cvs, encoder.periods, boundary, placement["energy_budget_kJ_per_mol"], placement["reach"]
    )


def main(snakemake):
    stage, random_seed = snakemake.wildcards.stage, snakemake.params.random_seed
    with log_to(snakemake.log[0]) as log:
        training_set = TrainingSet.load(snakemake.input.training_set)
        encoder = Encoder.load(snakemake.input.encoder)
        windows = []
        if snakemake.input.get("assessment") and read_json(snakemake.input.assessment)["converged"]:
            log.info("the rounds before have converged: no more windows")
        else:
            seed = derive_seed(random_seed, stage, "placement")
            windows = place(training_set, encoder, snakemake.params.placement, snakemake.params.temperature, seed)
            log.info("%d windows", len(windows))
        write_manifest(
            snakemake.output.manifest,
            windows,
            encoder.n_cvs,
            starts=[training_set.source(window.start_frame) for window in windows],
            random_seeds=[derive_seed(random_seed, stage, "window", i) for i in range(len(windows))],
        )


if __name__ == "__main__":
    main(snakemake)

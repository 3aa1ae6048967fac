"""Place a stage's windows: beyond the boundary in a round, overlapping everywhere in production."""

import numpy as np

from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import read_json
from mesaflow.manifest import write_manifest
from mesaflow.progress import log_to
from mesaflow.randomness import derive_seed
from mesaflow.units import thermal_energy
from mesaflow.windows import Window, place_boundary_windows, place_overlapping_windows


def place(cvs: np.ndarray, encoder: Encoder, placement: dict, temperature: float, random_seed: int) -> list[Window]:
    """Place windows as a stage's settings ask for."""
    if "energy_budget_kJ_per_mol" in placement:
        return place_boundary_windows(
            cvs,
            encoder.periods,
            placement["n_windows"],
            placement["n_bins"],
            placement["energy_budget_kJ_per_mol"],
            placement["reach"],
            np.random.default_rng(random_seed),
        )
    spacing = placement["spacing_in_widths"]
    return place_overlapping_windows(
        cvs, encoder.periods, placement["n_windows"], spacing, thermal_energy(temperature)
    )


def main(snakemake):
    stage, random_seed = snakemake.wildcards.stage, snakemake.params.random_seed
    with log_to(snakemake.log[0]) as log:
        training_set = TrainingSet.load(snakemake.input.training_set)
        encoder = Encoder.load(snakemake.input.encoder)
        windows = []
        if "assessment" in snakemake.input.keys() and read_json(snakemake.input.assessment)["converged"]:
            log.info("the rounds before have converged: no more windows")
        else:
            seed = derive_seed(random_seed, stage, "placement")
            cvs = encoder.evaluate(training_set.frames)
            windows = place(cvs, encoder, snakemake.params.placement, snakemake.params.temperature, seed)
            log.info("%d windows", len(windows))
        write_manifest(
            snakemake.output.manifest,
            windows,
            encoder.n_cvs,
            starts=[training_set.source(window.start_frame) for window in windows],
            random_seeds=[derive_seed(random_seed, stage, "window", i) for i in range(len(windows))],
        )


if __name__ == "__main__":
    main(snakemake)  # noqa: F821

"""Place a stage's windows: beyond the boundary in a round, in production overlapping everywhere, or walkers in the minima."""

from mesaflow.job import log_to

import numpy as np

from mesaflow.boundary import find_edges, find_sparse_cells
from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import read_arrays, read_json
from mesaflow.manifest import write_manifest
from mesaflow.randomness import derive_seed
from mesaflow.units import thermal_energy
from mesaflow.windows import Window, place_boundary_windows, place_overlapping_windows, place_walkers


def place_at_boundary(cvs: np.ndarray, encoder: Encoder, placement: dict, rng: np.random.Generator) -> list[Window]:
    """Place windows beyond the boundary of what has been visited."""
    if placement["boundary"] == "edges":
        boundary = find_edges(cvs, encoder.periods, placement["n_windows"], rng)
    else:
        boundary = find_sparse_cells(cvs, encoder.periods, placement["n_windows"], placement["n_bins"], rng)
    return place_boundary_windows(
        cvs,
        encoder.periods,
        boundary,
        placement["energy_budget_kJ_per_mol"],
        placement["reach"],
        placement.get("force_constant_kJ_per_mol"),
    )


def main(snakemake):
    stage, random_seed, placement = snakemake.wildcards.stage, snakemake.params.random_seed, snakemake.params.placement
    rng = np.random.default_rng(derive_seed(random_seed, stage, "placement"))
    with log_to(snakemake.log[0]) as log:
        encoder = Encoder.load(snakemake.input.encoder)
        if stage == "production":
            relaxed = read_arrays(snakemake.input.relaxed)
            if placement.get("method") == "opes":
                windows = place_walkers(relaxed["cvs"], encoder.periods, relaxed["energies"], placement["n_walkers"])
            else:
                energy, spacing = thermal_energy(snakemake.params.temperature), placement["spacing_in_widths"]
                windows = place_overlapping_windows(
                    relaxed["cvs"], encoder.periods, placement["n_windows"], spacing, energy, rng
                )
            starts = [(snakemake.input.trajectory, window.start_frame) for window in windows]
        elif snakemake.input.get("assessment") and read_json(snakemake.input.assessment)["converged"]:
            log.info("the rounds before have converged: no more windows")
            windows, starts = [], []
        else:
            training_set = TrainingSet.load(snakemake.input.training_set)
            windows = place_at_boundary(encoder.evaluate(training_set.frames), encoder, placement, rng)
            starts = [training_set.source(window.start_frame) for window in windows]
        log.info(
            "%d windows, force constants %s", len(windows), sorted({f"{w.force_constant:.4g}" for w in windows})[:5]
        )
        seeds = [derive_seed(random_seed, stage, "window", i) for i in range(len(windows))]
        write_manifest(snakemake.output.manifest, windows, encoder.n_cvs, starts, seeds)


if __name__ == "__main__":
    main(snakemake)

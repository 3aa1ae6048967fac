"""Tabulate what the collective variables of every stage go with, and which atoms they feel."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd

from mesaflow.encoder import Encoder
from mesaflow.files import write_csv
from mesaflow.imported import FrameReader
from mesaflow.meaning import Quantity, atom_names, correlations, find_quantities, gradient_norms, measure_quantities
from mesaflow.trajectories import load_topology

MOST_FRAMES = 2000  # of a stage: leaves a correlation a standard error of 0.02, were frames independent
EVERY_GRADIENT = 4  # of these frames: a root mean square needs fewer, and a gradient costs more


def tabulate_correlations(
    stage: str,
    encoder: Encoder,
    frames: np.ndarray,
    quantities: list[Quantity],
    values: np.ndarray,
    names: list[str],
) -> pd.DataFrame:
    """Return one row for each collective variable and quantity."""
    is_circular = np.array([quantity.is_circular for quantity in quantities])
    found = correlations(encoder.evaluate(frames), np.isfinite(encoder.periods), values, is_circular)
    return pd.DataFrame(
        {
            "stage": stage,
            "cv": k + 1,
            "cv_kind": encoder.cv_kinds[k],
            "quantity": quantity.name,
            "kind": quantity.kind,
            "atoms": " ".join(names[atom] for atom in quantity.atoms),
            "correlation": found[k, i],
        }
        for k in range(encoder.n_cvs)
        for i, quantity in enumerate(quantities)
    )


def tabulate_gradients(stage: str, encoder: Encoder, frames: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return one row for each collective variable and atom."""
    norms = gradient_norms(encoder, frames)
    return pd.DataFrame(
        {
            "stage": stage,
            "cv": k + 1,
            "cv_kind": encoder.cv_kinds[k],
            "atom": names[atom],
            "atom_index": atom,
            "rms_gradient_per_nm": norms[k, i],
        }
        for k in range(encoder.n_cvs)
        for i, atom in enumerate(encoder.atoms)
    )


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        topology = load_topology(snakemake.input.topology)
        reader = FrameReader.from_config(topology, snakemake.params.imported)
        names = atom_names(topology)
        atoms = Encoder.load(snakemake.input.encoders[0]).atoms  # every stage sees the same
        quantities = find_quantities(topology, atoms)
        log.info("%d quantities", len(quantities))
        frames, values, correlated, graded = [], [], [], []
        for stage, path in zip(snakemake.params.stages, snakemake.input.encoders, strict=True):
            for trajectory in snakemake.input[stage]:
                positions = reader.load(trajectory)
                values.append(measure_quantities(topology, positions, quantities))
                frames.append(positions[:, atoms])
            encoder = Encoder.load(path)
            n_frames = sum(map(len, frames))
            chosen = np.unique(np.linspace(0, n_frames - 1, MOST_FRAMES).round().astype(int))
            seen, measured = np.concatenate(frames)[chosen], np.concatenate(values)[chosen]
            log.info("%s: %d of %d frames", stage, len(chosen), n_frames)
            correlated.append(tabulate_correlations(stage, encoder, seen, quantities, measured, names))
            graded.append(tabulate_gradients(stage, encoder, seen[::EVERY_GRADIENT], names))
        write_csv(snakemake.output.correlations, pd.concat(correlated), float_format="%.4f")
        write_csv(snakemake.output.gradients, pd.concat(graded), float_format="%.5g")


if __name__ == "__main__":
    main(snakemake)

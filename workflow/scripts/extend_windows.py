"""Share further simulation among the production windows: more where free energies hang on few samples."""

from mesaflow.job import log_to

from collections import Counter

import numpy as np
import pandas as pd

from mesaflow.allocation import dissipated_power, order_pieces
from mesaflow.diagnostics import find_unconnected
from mesaflow.encoder import Encoder
from mesaflow.estimation import find_members
from mesaflow.files import read_json
from mesaflow.manifest import center_columns, read_manifest, write_manifest
from mesaflow.pooling import Pool, pool_samples
from mesaflow.randomness import derive_seed
from mesaflow.reweighting import Weights, currents_between, estimate_weights
from mesaflow.units import PICOSECONDS_PER_NANOSECOND
from mesaflow.windows import Window

_ROUNDING = 1e-9  # of a piece, which the division may be short of a whole number


def share_pieces(
    pool: Pool,
    rows: np.ndarray,
    weights: Weights,
    members: dict[str, np.ndarray],
    reference: str,
    encoder: Encoder,
    n_pieces: int,
    already: float,
) -> list[int]:
    """Return the window of each further piece; with more pieces the first ones stay the same.

    What counts are the free energies of the states, and of all windows, which together weigh as much as one state.
    """
    left_out = find_unconnected(weights, pool.restraints, [], encoder)
    inside = np.flatnonzero(~np.isin(weights.windows, left_out))
    shared = weights.shared[np.ix_(inside, inside)]
    ends = currents_between(weights, members, reference)[inside]
    power = dissipated_power(shared, np.eye(len(inside)) - 1 / len(inside))
    for current in ends.T:
        power += dissipated_power(shared, current[:, None] - current.mean())
    return [int(weights.windows[inside[k]]) for k in order_pieces(power, n_pieces, already)]


def choose_starts(extends: list[int], candidates: dict[int, np.ndarray], random_seed: int) -> list[int]:
    """Choose the sample that each piece starts from, no sample of a window again before all have been chosen.

    Args:
        extends: The window of each piece.
        candidates: The rows of samples of each window.
        random_seed: Seeds the choice.
    """
    shuffled = {
        window: np.random.default_rng(derive_seed(random_seed, "extension", "starts", window)).permutation(rows)
        for window, rows in candidates.items()
    }
    n_given = dict.fromkeys(candidates, 0)
    starts = []
    for window in extends:
        starts.append(int(shuffled[window][n_given[window] % len(shuffled[window])]))
        n_given[window] += 1
    return starts


def main(snakemake):
    extension, settings, ramp = snakemake.params.extension, snakemake.params.free_energy, snakemake.params.ramp_ps
    random_seed = snakemake.params.random_seed
    n_pieces = int(extension["extend_ns"] * PICOSECONDS_PER_NANOSECOND / extension["length_ps"] + _ROUNDING)
    with log_to(snakemake.log[0]) as log:
        encoder = Encoder.load(snakemake.input.encoder)
        windows, starts, extends = [], [], []
        manifest = read_manifest(snakemake.input.manifest)
        if n_pieces:
            parts = [pd.read_parquet(path) for path in snakemake.input.samples]
            sources = [
                (path, frame)
                for path, part in zip(snakemake.input.trajectories, parts, strict=True)
                for frame in range(len(part))
            ]
            statuses = [status for path in snakemake.input.statuses for status in read_json(path)["windows"]]
            pool = pool_samples(manifest, statuses, pd.concat(parts, ignore_index=True), encoder, ramp)
            rows = pool.choose_rows(ramp)
            seed = derive_seed(random_seed, "extension", "bootstrap")
            weights = estimate_weights(pool.samples, rows, pool.restraints, snakemake.params.temperature, 2, seed)
            table = pd.read_parquet(snakemake.input.observables).iloc[weights.rows]
            members = find_members(table, settings)
            already = 1 - ramp / extension["length_ps"]
            extends = share_pieces(
                pool, rows, weights, members, settings["reference_state"], encoder, n_pieces, already
            )
            centers = {row["window"]: [row[column] for column in center_columns(encoder.n_cvs)] for row in manifest}
            force_constants = dict(zip(pool.restraints.windows, pool.restraints.force_constants, strict=True))
            window_of_row = pool.samples["window"].to_numpy()[rows]
            candidates = {window: rows[window_of_row == window] for window in sorted({*extends})}
            for window, row in zip(extends, choose_starts(extends, candidates, random_seed), strict=True):
                path, frame = sources[row]
                windows.append(Window(np.array(centers[window]), float(force_constants[window]), frame))
                starts.append((path, frame))
            counts = Counter(extends)
            log.info(
                "%d pieces for %d windows, at most %d for one",
                len(windows),
                len(counts),
                max(counts.values(), default=0),
            )
        seeds = [derive_seed(random_seed, "extension", "window", i) for i in range(len(windows))]
        first = max((row["window"] for row in manifest), default=-1) + 1
        write_manifest(snakemake.output.manifest, windows, encoder.n_cvs, starts, seeds, first, extends)


if __name__ == "__main__":
    main(snakemake)

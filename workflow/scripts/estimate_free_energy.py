"""Estimate the weights of the production samples, the free energies of the states, and how far to trust them."""

import math

import numpy as np
import pandas as pd

from mesaflow.alignment import superpose
from mesaflow.diagnostics import effective_samples, find_hidden_barriers, find_unconnected, judge, note_left_out
from mesaflow.encoder import Encoder
from mesaflow.files import read_arrays, read_json, write_arrays, write_csv, write_json
from mesaflow.manifest import read_manifest
from mesaflow.observables import describe_state, in_state
from mesaflow.pooling import pool_samples
from mesaflow.progress import log_to
from mesaflow.randomness import derive_seed
from mesaflow.reweighting import Weights, estimate_weights, state_free_energies, unwrap
from mesaflow.trajectories import load_topology, load_trajectory
from mesaflow.units import thermal_energy


def estimate_states(
    table: pd.DataFrame, weights: Weights, settings: dict, temperature: float
) -> dict[str, tuple[float, float]]:
    """Return free energy and standard error [kJ/mol] of every state."""
    members = {name: in_state(table, ranges) for name, ranges in settings["states"].items()}
    if not members:
        return {}
    return state_free_energies(members, settings["reference_state"], weights.weights, weights.bootstrap, temperature)


def split_halves(samples: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into the first and the second half of every window."""
    used = samples.iloc[rows]
    rank = used.groupby("window").cumcount().to_numpy()
    size = used.groupby("window")["window"].transform("size").to_numpy()
    return rows[rank < size / 2], rows[rank >= size / 2]


def lowest_relaxed_energy(windows: np.ndarray, rows: list[dict], relaxed: str) -> float | None:
    """Return the lowest energy [kJ/mol] above the lowest of all that a window starts from, None without windows."""
    energies = read_arrays(relaxed)["energies"]
    rows = [row for row in rows if row["window"] in windows and "extends" not in row]
    return min((float(energies[row["start_frame"]]) for row in rows), default=None)


def finite_or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def main(snakemake):
    settings, temperature = snakemake.params.free_energy, snakemake.params.temperature
    discard = snakemake.params.ramp_ps
    with log_to(snakemake.log[0]) as log:
        encoder = Encoder.load(snakemake.input.encoder)
        samples, observables = (
            pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
            for paths in (snakemake.input.samples, snakemake.input.observables)
        )
        statuses = [status for path in snakemake.input.statuses for status in read_json(path)["windows"]]
        manifest = [row for path in snakemake.input.manifests for row in read_manifest(path)]
        pool = pool_samples(manifest, statuses, samples, encoder, discard)
        samples, restraints = pool.samples, pool.restraints
        topology = load_topology(snakemake.input.topology)
        frames = [load_trajectory(path, topology)[:, encoder.atoms] for path in snakemake.input.trajectories]
        coordinates = superpose(np.concatenate(frames), encoder.references[0]).reshape(len(samples), -1)

        def estimate(rows: np.ndarray, name: str) -> tuple[Weights, dict[str, tuple[float, float]]]:
            seed = derive_seed(snakemake.params.random_seed, "bootstrap", name)
            weights = estimate_weights(samples, rows, restraints, temperature, settings["n_bootstrap"], seed)
            return weights, estimate_states(observables.iloc[rows], weights, settings, temperature)

        rows = pool.choose_rows(discard)
        log.info("%d windows, %d samples, %d of them uncorrelated", len(restraints.windows), len(samples), len(rows))
        weights, states = estimate(rows, "all")
        bimodal, apart = find_hidden_barriers(unwrap(samples, encoder.periods), coordinates, weights, discard)
        left_out = find_unconnected(weights, restraints, apart, encoder)
        if len(left_out):
            log.info("windows that are not connected with the start structure: %s", left_out.tolist())
            rows = rows[~samples["window"].iloc[rows].isin(left_out).to_numpy()]
            weights, states = estimate(rows, "connected")
        log.info("states: %s", states)
        halves = [estimate(half, f"half-{i}")[1] for i, half in enumerate(split_halves(samples, rows))]

        table = observables.iloc[rows]
        state_diagnostics = {}
        for name, (free_energy, error) in states.items():
            (first, first_error), (second, second_error) = (half[name] for half in halves)
            spread = math.hypot(first_error, second_error)
            difference = (
                abs(second - first) / spread
                if spread > 0
                else (0.0 if name == settings["reference_state"] else math.nan)
            )
            state_diagnostics[name] = {
                "free_energy_kJ_per_mol": finite_or_none(free_energy),
                "standard_error_kJ_per_mol": finite_or_none(error),
                "first_half_kJ_per_mol": finite_or_none(first),
                "second_half_kJ_per_mol": finite_or_none(second),
                "split_half_difference_in_errors": finite_or_none(difference),
                "effective_samples": effective_samples(weights.weights[in_state(table, settings["states"][name])]),
            }
        lowest = lowest_relaxed_energy(left_out, manifest, snakemake.input.relaxed)
        used = {*weights.windows.tolist()}
        neighbours = weights.overlap - np.diag(np.diag(weights.overlap))
        diagnostics = {
            "n_windows": sum("extends" not in row for row in manifest),
            "n_extending_pieces": sum("extends" in row for row in manifest),
            "n_failed_windows": sum(status["outcome"] != "finished" for status in statuses),
            "n_samples": len(rows),
            "effective_samples": effective_samples(weights.weights),
            "md_ns": sum(status["length_ps"] for status in statuses if status["outcome"] == "finished") / 1000,
            "smallest_best_overlap": float(neighbours.max(axis=1).min()) if len(neighbours) > 1 else 1.0,
            "windows_left_out": left_out.tolist(),
            "lowest_energy_left_out_RT": None if lowest is None else lowest / thermal_energy(temperature),
            "bimodal_windows": [window for window in bimodal if window in used],
            "windows_apart": [list(pair) for pair in apart if used.issuperset(pair)],
            "states": state_diagnostics,
        }
        verdict, reasons = judge(diagnostics)
        log.info("%s %s", verdict, reasons)
        judgement = {"verdict": verdict, "reasons": reasons, "notes": note_left_out(diagnostics)}
        write_json(snakemake.output.diagnostics, diagnostics | judgement)
        write_arrays(
            snakemake.output.weights,
            rows=weights.rows,
            weights=weights.weights,
            bootstrap=weights.bootstrap.astype(np.float32),
            windows=weights.windows,
            free_energies=weights.free_energies,
            overlap=weights.overlap,
        )
        states_table = pd.DataFrame(
            [(name, describe_state(settings["states"][name]), *values) for name, values in states.items()],
            columns=["state", "definition", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"],
        )
        write_csv(snakemake.output.states, states_table)


if __name__ == "__main__":
    main(snakemake)

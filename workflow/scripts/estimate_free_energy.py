"""Estimate the weights of the production samples, the free energies of the states, and how far to trust them."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd

from mesaflow.alignment import superpose
from mesaflow.diagnostics import judge, judge_walkers, note_left_out
from mesaflow.encoder import Encoder
from mesaflow.estimation import estimate_free_energies
from mesaflow.files import read_arrays, read_json, write_arrays, write_csv, write_json
from mesaflow.manifest import read_manifest
from mesaflow.pooling import pool_samples
from mesaflow.states import describe_state
from mesaflow.trajectories import load_topology, load_trajectory
from mesaflow.units import thermal_energy
from mesaflow.walkers import estimate_from_walkers, rebuild_biases


def lowest_relaxed_energy(windows: np.ndarray, rows: list[dict], relaxed: str) -> float | None:
    """Return the lowest energy [kJ/mol] above the lowest of all that a window starts from, None without windows."""
    energies = read_arrays(relaxed)["energies"]
    rows = [row for row in rows if row["window"] in windows and "extends" not in row]
    return min((float(energies[row["start_frame"]]) for row in rows), default=None)


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
        seed = snakemake.params.random_seed
        log.info("%d simulations, %d samples", len(statuses), len(samples))
        if "opes" in settings:
            walkers = rebuild_biases(samples, statuses, settings["opes"], encoder, temperature)
            estimate = estimate_from_walkers(samples, observables, walkers, settings, temperature, discard, seed)
        else:
            pool = pool_samples(manifest, statuses, samples, encoder, discard)
            topology = load_topology(snakemake.input.topology)
            frames = [load_trajectory(path, topology)[:, encoder.atoms] for path in snakemake.input.trajectories]
            coordinates = superpose(np.concatenate(frames), encoder.references[0]).reshape(len(samples), -1)
            estimate = estimate_free_energies(
                pool, observables, coordinates, encoder, settings, temperature, discard, seed
            )
        weights, states, left_out = estimate.weights, estimate.states, estimate.left_out
        log.info("%d samples used; states: %s", len(weights.rows), states)
        if len(left_out):
            log.info("windows that are not connected with the start structure: %s", left_out.tolist())
        lowest = lowest_relaxed_energy(left_out, manifest, snakemake.input.relaxed)
        diagnostics = estimate.diagnostics | {
            "n_windows": sum("extends" not in row for row in manifest),
            "n_extending_pieces": sum("extends" in row for row in manifest),
            "n_failed_windows": sum(status["outcome"] != "finished" for status in statuses),
            "md_ns": sum(status["length_ps"] for status in statuses if status["outcome"] == "finished") / 1000,
            "lowest_energy_left_out_RT": None if lowest is None else lowest / thermal_energy(temperature),
        }
        verdict, reasons = (judge_walkers if "opes" in settings else judge)(diagnostics)
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
            [
                (name, describe_state(settings["states"][name], settings.get("kinds", {})), *values)
                for name, values in states.items()
            ],
            columns=["state", "definition", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol"],
        )
        write_csv(snakemake.output.states, states_table)


if __name__ == "__main__":
    main(snakemake)

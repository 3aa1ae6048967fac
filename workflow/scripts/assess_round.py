"""Judge a round: what it cost, what it added, and whether more rounds are worth while."""

from mesaflow.job import log_to

import numpy as np

from mesaflow.convergence import (
    CVS,
    Criteria,
    Evidence,
    Judgement,
    agreement_of,
    count_cells,
    growth_exponent,
    judge,
    lost_windows,
)
from mesaflow.coverage import axes_of, count_outside, visited_bins
from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import join_columns, read_columns, read_json, write_json
from mesaflow.manifest import center_columns, read_manifest
from mesaflow.units import PICOSECONDS_PER_NANOSECOND


def gather_evidence(
    rows: list[dict],
    samples: dict[str, np.ndarray],
    training_set: TrainingSet,
    encoder: Encoder,
    previous_encoder: Encoder | None,
    n_bins: dict[str, tuple[int, int]],
) -> Evidence:
    """Gather what a round says about convergence.

    Args:
        rows: Its window manifest.
        samples: The samples of its windows, column by column.
        training_set: The frames before it.
        encoder: Its encoder.
        previous_encoder: The encoder of the round before, if there is one.
        n_bins: For each map the number of bins visited before and after it.
    """
    smallest = mean = None
    if previous_encoder is not None:
        smallest, mean = agreement_of(encoder, previous_encoder, training_set.frames)
    if not rows:  # no boundary is left
        return Evidence(dict.fromkeys([*n_bins, CVS], 0.0), smallest, mean, 0.0)
    old = encoder.evaluate(training_set.frames)
    new = np.stack([samples[f"cv_{k + 1}"] for k in range(encoder.n_cvs)], axis=1)
    n_bins = n_bins | {CVS: count_cells(old, new, encoder.periods)}
    growth = {name: growth_exponent(*pair, len(old), len(old) + len(new)) for name, pair in n_bins.items()}
    centers = np.array([[row[column] for column in center_columns(encoder.n_cvs)] for row in rows])
    starts = old[training_set.find([(row["start_trajectory"], row["start_frame"]) for row in rows])]
    windows = np.searchsorted([row["window"] for row in rows], samples["window"])
    lost = lost_windows(centers, starts, new, windows, encoder.periods)
    return Evidence(growth, smallest, mean, len(lost) / len(rows))


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        settings = snakemake.params.convergence
        observables = snakemake.params.observables
        maps = {name: axes_of(axes, observables) for name, axes in snakemake.params.coverage.items()}
        tables = [read_columns(path, list(observables)) for path in snakemake.input.observables]
        statuses = [status for path in snakemake.input.statuses for status in read_json(path)["windows"]]
        finished = [status for status in statuses if status["outcome"] == "finished"]
        before, everything = join_columns(tables[:-1]), join_columns(tables)
        n_bins = {
            name: tuple(int(visited_bins(table, axes).sum()) for table in (before, everything))
            for name, axes in maps.items()
        }
        limited = {name: axes for name, axes in maps.items() if not all(axis.covers_everything for axis in axes)}
        n_outside = {name: count_outside(everything, axes) for name, axes in limited.items()}
        previous = read_json(snakemake.input.previous) if snakemake.input.get("previous") else None
        if previous is not None and previous["converged"]:
            evidence = Evidence(dict.fromkeys([*maps, CVS]), None, None, None)
            judgement = Judgement({}, previous["n_rounds_met"], True, previous["convergence_reason"])
        else:
            encoder_before = snakemake.input.get("previous_encoder")
            encoder = Encoder.load(snakemake.input.encoder)
            names = ["window", *(f"cv_{k + 1}" for k in range(encoder.n_cvs))]
            samples = [read_columns(path, names) for path in snakemake.input.samples]
            evidence = gather_evidence(
                read_manifest(snakemake.input.manifest),
                join_columns(samples) if samples else {},
                TrainingSet.load(snakemake.input.training_set),
                encoder,
                Encoder.load(encoder_before) if encoder_before else None,
                n_bins,
            )
            criteria = Criteria(
                growth=settings["convergence_growth"],
                correlation=settings["convergence_correlation"],
                lost=settings["convergence_lost_windows"],
                n_rounds=settings["convergence_rounds"],
            )
            judgement = judge(evidence, criteria, previous["n_rounds_met"] if previous else 0)
            log.info("%s: %s", "converged" if judgement.converged else "not converged", judgement.reason)
        md_before = previous["md_ns_total"] if previous else settings["seed_ns"]
        md_round = sum(status["length_ps"] for status in finished) / PICOSECONDS_PER_NANOSECOND
        training = read_json(snakemake.input.training)
        assessment = {
            "round": int(snakemake.wildcards.round),
            "n_windows": len(statuses),
            "n_failed_windows": len(statuses) - len(finished),
            "n_retried_windows": sum(status["n_attempts"] > 1 for status in finished),
            "md_ns_total": md_before + md_round,
            "fve": training["fve_validation"],
            **{f"n_bins_visited_{name}": after for name, (_, after) in n_bins.items()},
            **{f"n_frames_outside_{name}": count for name, count in n_outside.items()},
            **{
                f"new_bins_per_ns_{name}": (after - before) / md_round if md_round else None
                for name, (before, after) in n_bins.items()
            },
            **{f"growth_{name}": value for name, value in evidence.growth.items()},
            "agreement": evidence.agreement,
            "agreement_mean": evidence.agreement_mean,
            "lost_fraction": evidence.lost_fraction,
            **{f"met_{name}": judgement.met.get(name) for name in ("growth", "agreement", "lost")},
            "n_rounds_met": judgement.n_rounds_met,
            "converged": judgement.converged,
            "convergence_reason": judgement.reason,
        }
        log.info("%s", assessment)
        write_json(snakemake.output.assessment, assessment)


if __name__ == "__main__":
    main(snakemake)

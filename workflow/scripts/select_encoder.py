"""Choose the number of collective variables where it is open, then the network that explains the most validation variance."""

from mesaflow.job import log_to

import numpy as np

from mesaflow.agreement import compare_latents, latent_coordinates
from mesaflow.dataset import TrainingSet
from mesaflow.encoder import Encoder
from mesaflow.files import copy_file, read_json, write_json, write_rows
from mesaflow.knee import find_knee

MOST_FRAMES = 5000  # held-out ones, on which the restarts are compared


def choose(trainings: list[dict]) -> dict:
    """Choose one of the trained networks.

    Args:
        trainings: What ``training.json`` holds of each.

    Returns:
        ``index`` of the chosen one, ``restarts`` with the indices of those with as many CVs, and ``summary`` for its file.
    """
    by_number: dict[int, list[int]] = {}
    for i, training in enumerate(trainings):
        by_number.setdefault(training["n_cvs"], []).append(i)
    explained = {n: [trainings[i]["fve_validation"] for i in restarts] for n, restarts in sorted(by_number.items())}
    best = {n: max(values) for n, values in explained.items()}
    if len(best) == 1:
        (n_cvs,), reason = best, "given in the configuration"
    else:
        knee = find_knee(list(best.values()))
        n_cvs, reason = knee.n_cvs, knee.reason
    restart = explained[n_cvs].index(best[n_cvs])
    summary = {
        "n_cvs_reason": reason,
        "fve_validation_by_n_cvs": {str(n): value for n, value in best.items()},
        "restart": restart,
        "fve_validation_of_restarts": explained[n_cvs],
    }
    return {"index": by_number[n_cvs][restart], "restarts": by_number[n_cvs], "summary": summary}


def compare_restarts(paths: list[str], training_set: TrainingSet) -> dict:
    """Return how far the latents of several encoders agree on held-out frames, for ``training.json``."""
    validation = np.flatnonzero(training_set.is_validation)
    chosen = validation[:: -(-len(validation) // MOST_FRAMES)]
    encoders = [Encoder.load(path) for path in paths]
    frames = training_set.frames[chosen]
    agreement = compare_latents([latent_coordinates(encoder.evaluate(frames), encoder.periods) for encoder in encoders])
    return {
        "restart_correlation_mean": agreement.mean,
        "restart_correlation_smallest": agreement.smallest,
        "restarts_agree": agreement.is_sufficient,
    }


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        trainings = [read_json(path) for path in snakemake.input.trainings]
        if trainings[0].get("handed_through"):
            index, summary = 0, trainings[0]
        else:
            chosen = choose(trainings)
            index = chosen["index"]
            restarts = [snakemake.input.encoders[i] for i in chosen["restarts"]]
            agreement = compare_restarts(restarts, TrainingSet.load(snakemake.input.training_set))
            summary = trainings[index] | chosen["summary"] | agreement
            log.info("%d CVs: %s", summary["n_cvs"], summary["n_cvs_reason"])
            log.info(
                "validation FVE by restart %s: %d is kept", summary["fve_validation_of_restarts"], summary["restart"]
            )
            if agreement["restarts_agree"] is False:
                log.warning(
                    "the restarts found different collective variables (smallest canonical correlation %.2f): "
                    "the data may not determine them; see fve_validation_by_n_cvs for fewer",
                    agreement["restart_correlation_smallest"],
                )
        copy_file(snakemake.input.encoders[index], snakemake.output.encoder)
        copy_file(snakemake.input.decoders[index], snakemake.output.decoder)
        write_json(snakemake.output.training, summary)
        by_n_cvs = [
            (n_cvs, fve, int(n_cvs) == summary["n_cvs"]) for n_cvs, fve in summary["fve_validation_by_n_cvs"].items()
        ]
        write_rows(snakemake.output.fve_by_n_cvs, [("n_cvs", "fve_validation", "chosen"), *by_n_cvs])


if __name__ == "__main__":
    main(snakemake)

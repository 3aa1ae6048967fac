"""Keep the encoder of the restart that explains the most validation variance."""

import shutil

from mesaflow.files import read_json, write_json
from mesaflow.progress import log_to


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        trainings = [read_json(path) for path in snakemake.input.trainings]
        explained = [training["fve_validation"] for training in trainings]
        best = explained.index(max(explained))
        log.info("validation FVE by restart: %s; restart %d is kept", explained, best)
        shutil.copyfile(snakemake.input.encoders[best], snakemake.output.encoder)
        shutil.copyfile(snakemake.input.decoders[best], snakemake.output.decoder)
        summary = trainings[best] | {"restart": best, "fve_validation_of_restarts": explained}
        write_json(snakemake.output.training, summary)


if __name__ == "__main__":
    main(snakemake)

"""Record what the run is made from, and what it has cost."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.costs import simulated_ns
from mesaflow.files import read_json, write_json
from mesaflow.provenance import collect_provenance


def main(snakemake):
    files, params = snakemake.input, snakemake.params
    with log_to(snakemake.log[0]):
        platform = read_json(files.platform)["platform"]
        inputs = [*files.structure, *files.files, files.system]
        provenance = collect_provenance(inputs, params.random_seed, platform, params.configuration)
        production_ns = read_json(files.diagnostics)["md_ns"]
        provenance["simulated_ns"] = simulated_ns(
            pd.read_csv(files.rounds), params.seed_ns, production_ns, params.baseline_ns
        )
        provenance["costs"] = pd.read_csv(files.costs).to_dict("records")
        write_json(snakemake.output.provenance, provenance)


if __name__ == "__main__":
    main(snakemake)

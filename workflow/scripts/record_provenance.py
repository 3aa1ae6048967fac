"""Record what the run is made from."""

from mesaflow.files import read_json, write_json
from mesaflow.progress import log_to
from mesaflow.provenance import collect_provenance


def main(snakemake):
    with log_to(snakemake.log[0]):
        platform = read_json(snakemake.input.platform)["platform"]
        inputs = [*snakemake.input.structure, *snakemake.input.files, snakemake.input.system]
        provenance = collect_provenance(inputs, snakemake.params.random_seed, platform, snakemake.params.configuration)
        write_json(snakemake.output.provenance, provenance)


if __name__ == "__main__":
    main(snakemake)

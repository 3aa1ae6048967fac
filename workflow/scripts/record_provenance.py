"""Record the resolved configuration and what the run is made from."""

import yaml
from mesaflow.files import read_json, write_atomically, write_json
from mesaflow.progress import log_to
from mesaflow.provenance import collect_provenance


def main(snakemake):
    with log_to(snakemake.log[0]):
        config = snakemake.params.config
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        write_atomically(snakemake.output.config, lambda temporary: temporary.write_text(text))
        platform = read_json(snakemake.input.platform)["platform"]
        inputs = [snakemake.input.structure, snakemake.input.system]
        write_json(snakemake.output.provenance, collect_provenance(inputs, config["random_seed"], platform))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821

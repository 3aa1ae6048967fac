"""Link files that another run has made into the folder of this one."""

from mesaflow.job import log_to

from mesaflow.files import link_file


def main(snakemake):
    with log_to(snakemake.log[0]) as log:
        for source, path in zip(snakemake.input, snakemake.output, strict=True):
            link_file(source, path)
            log.info("%s → %s", path, source)


if __name__ == "__main__":
    main(snakemake)

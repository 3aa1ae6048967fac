"""Put the runs of a validation side by side, with published values, and sum them up."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import read_json, write_atomically, write_csv
from mesaflow.published import read_published
from mesaflow.validation import describe_seed, summarise_validation

PROFILE_COLUMNS = ["value_deg", "free_energy_kJ_per_mol", "standard_error_kJ_per_mol", "random_seed", "observable"]


def main(snakemake):
    files, params = snakemake.input, snakemake.params
    with log_to(snakemake.log[0]):
        settings = params.validation
        published = read_published(settings["published"], settings["free_energies"], params.profiles)
        lines, growths, profiles = [], [], []
        for i, (run, seed) in enumerate(params.runs.items()):
            growth = pd.read_csv(files.growth[i])
            own = {name: pd.read_csv(files[f"fes_{name}"][i]) for name in params.profiles}
            lines.append(
                describe_seed(
                    run,
                    seed,
                    growth=growth,
                    states=pd.read_csv(files.states[i]),
                    profiles=own,
                    rounds=pd.read_csv(files.rounds[i]),
                    diagnostics=read_json(files.diagnostics[i]),
                    costs=pd.read_csv(files.costs[i]),
                    reference_state=settings["reference_state"],
                    published=published,
                    coverage_ns=settings["coverage_ns"],
                )
            )
            growths.append(growth.assign(random_seed=seed))
            for name, profile in own.items():
                renamed = profile.set_axis(["value_deg", *profile.columns[1:]], axis="columns")
                profiles.append(renamed.assign(random_seed=seed, observable=name))
        table = pd.DataFrame(lines)
        write_csv(snakemake.output.table, table, float_format="%.6g")
        write_csv(snakemake.output.growth, pd.concat(growths, ignore_index=True))
        write_csv(snakemake.output.profiles, pd.concat(profiles) if profiles else pd.DataFrame(columns=PROFILE_COLUMNS))
        write_csv(snakemake.output.published, published)
        summary = summarise_validation(snakemake.wildcards.validation, table, published, settings["reference_state"])
        write_atomically(snakemake.output.summary, lambda path: path.write_text(summary))


if __name__ == "__main__":
    main(snakemake)

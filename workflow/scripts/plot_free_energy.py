"""Draw a free energy surface or profile, beside a copy of the table it is drawn from."""

from mesaflow.job import log_to

import pandas as pd

from mesaflow.files import copy_file
from mesaflow.plotting import draw_profile, draw_surface, save_figure


def read_published(path: str | None, axis: str, column: str) -> pd.DataFrame:
    """Return the published values along an axis, which are of angles; none where there is no file of them."""
    columns = ["observable", "value_deg", "free_energy_kJ_per_mol", "label"]
    table = pd.read_csv(path) if path else pd.DataFrame(columns=columns)
    return table[(table["observable"] == axis) & (column == f"{axis}_deg")]


def main(snakemake):
    settings, axes = snakemake.params.figures, snakemake.params.axes
    with log_to(snakemake.log[0]):
        table = pd.read_csv(snakemake.input.table)
        if len(axes) == 2:
            figure = draw_surface(
                table,
                settings["max_free_energy_kJ_per_mol"],
                settings["contour_step_kJ_per_mol"],
                settings["colour_map"],
            )
        else:
            figure = draw_profile(table, read_published(settings["published"], axes[0], table.columns[0]))
        copy_file(snakemake.input.table, snakemake.output.table)
        save_figure(figure, snakemake.output.svg, snakemake.output.png, settings["dpi"])


if __name__ == "__main__":
    main(snakemake)

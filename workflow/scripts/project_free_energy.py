"""Project the production samples' weights on one or two observables or collective variables."""

from mesaflow.job import log_to

import numpy as np
import pandas as pd

from mesaflow.encoder import Encoder
from mesaflow.files import read_arrays, write_csv
from mesaflow.kinds import Axis
from mesaflow.populations import free_energy_surface


def cv_edges(values: np.ndarray, period: float, n_bins: int) -> np.ndarray:
    """Return bin edges over a period, or over the range of the values."""
    if np.isfinite(period):
        return np.linspace(-period / 2, period / 2, n_bins + 1)
    return np.linspace(values.min(), np.nextafter(values.max(), np.inf), n_bins + 1)


def main(snakemake):
    settings, names = snakemake.params.projection, snakemake.params.axes
    with log_to(snakemake.log[0]) as log:
        samples = pd.concat([pd.read_parquet(path) for path in snakemake.input.samples], ignore_index=True)
        observables = pd.concat([pd.read_parquet(path) for path in snakemake.input.observables], ignore_index=True)
        periods = Encoder.load(snakemake.input.encoder).periods
        estimate = read_arrays(snakemake.input.weights)
        weights, bootstrap = estimate["weights"], estimate["bootstrap"]
        columns, bins = {}, []
        for name in names:
            if name in settings["observables"]:
                axis = Axis.of(name, settings["observables"][name])
                columns[axis.column] = axis.middles
                bins.append(axis.bin_indices(observables[name].to_numpy()[estimate["rows"]]))
            else:
                values = samples[name].to_numpy()[estimate["rows"]]
                edges = cv_edges(values, periods[int(name.removeprefix("cv_")) - 1], settings["cv_bins"])
                columns[name] = (edges[:-1] + edges[1:]) / 2
                bins.append(np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2))
        inside = np.min(bins, axis=0) >= 0
        if not inside.all():
            outside = 100 * weights[~inside].sum()
            log.warning("%.3g %% of the population lies outside the bins of %s", outside, " and ".join(names))
        shape = [len(middles) for middles in columns.values()]
        flat = np.ravel_multi_index(tuple(np.array(bins)[:, inside]), shape)
        free_energies, errors = free_energy_surface(
            flat, int(np.prod(shape)), weights[inside], bootstrap[:, inside], snakemake.params.temperature
        )
        axes = [axis.ravel() for axis in np.meshgrid(*columns.values(), indexing="ij")]
        table = pd.DataFrame(dict(zip(columns, axes, strict=True)))
        table["free_energy_kJ_per_mol"] = free_energies
        table["standard_error_kJ_per_mol"] = errors
        write_csv(snakemake.output.surface, table, float_format="%.6g")


if __name__ == "__main__":
    main(snakemake)

"""A run's outcome in a few lines."""

import math

import pandas as pd


def summarise(
    run: str,
    rounds: pd.DataFrame,
    states: pd.DataFrame,
    diagnostics: dict,
    reference_state: str,
    costs: pd.DataFrame,
) -> str:
    """Summarise a run.

    Args:
        run: Its name.
        rounds: The table of rounds.
        states: The table of states.
        diagnostics: The diagnostics of the free energies, with the verdict.
        reference_state: The state whose free energy is zero.
        costs: The table of costs.

    Returns:
        The summary, a few lines of text.
    """
    last = rounds.iloc[-1]
    lines = [f"mesaflow run {run}", ""]
    state = "converged" if last["converged"] else "not converged"
    lines.append(f"rounds       {int((rounds['n_windows'] > 0).sum())} with windows, {state}")
    lines += [f"             {reason}" for reason in (last.get("convergence_reason"),) if isinstance(reason, str)]
    lines.append(
        f"simulated    {last['md_ns_total']:.1f} ns in seeds and rounds, {diagnostics['md_ns']:.1f} ns in production; "
        f"{int(rounds['n_failed_windows'].sum()) + diagnostics['n_failed_windows']} windows failed"
    )
    lines.append(f"cost         {_describe_cost(costs, run)}")
    for column in rounds.columns:
        if column.startswith("n_bins_visited_"):
            name = column.removeprefix("n_bins_visited_")
            outside = last.get(f"n_frames_outside_{name}", 0)
            beyond = f"; {outside} frames lie outside all bins" if outside else ""
            lines.append(f"coverage     {last[column]} bins of {name}{beyond}")
    for _, row in states.iterrows():
        lines.append(f"state        {row['state']}: {row['definition']}")
    for _, row in states[states["state"] != reference_state].iterrows():
        value = f"{row['free_energy_kJ_per_mol']:.1f} ± {row['standard_error_kJ_per_mol']:.1f} kJ/mol (standard error)"
        reached = math.isfinite(row["free_energy_kJ_per_mol"])
        lines.append(f"ΔF           {row['state']} − {reference_state}: {value if reached else 'not reached'}")
    lines.append(f"verdict      {diagnostics['verdict']}")
    lines += [f"             - {reason}" for reason in diagnostics["reasons"]]
    lines += [f"note         {note}" for note in diagnostics["notes"]]
    lines += [
        "",
        "open",
        f"  results/{run}/figures/            the figures, each with the table it is drawn from",
        f"  results/{run}/free_energy/        free energies and diagnostics",
        f"  results/{run}/rounds.csv          the rounds",
        f"  results/{run}/round-*/, production/  encoders, windows and trajectories",
    ]
    return "\n".join(lines) + "\n"


def _describe_cost(costs: pd.DataFrame, run: str) -> str:
    shared = costs.loc[costs["folder"] != run, "core_hours"].sum()
    text = f"{costs['wall_hours'].sum():.2f} hours of jobs, {costs['core_hours'].sum():.2f} core hours"
    return f"{text}, {shared:.2f} of them shared with other runs" if shared else text


def low_to_high(values: pd.Series, form: str) -> str:
    """Say from where to where values go, as numbers of a form; one number where that is the same."""
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"

"""Tables of runs that need no table from the user: the configured run, and other methods, for several random seeds."""

from typing import Any

from .errors import InputError
from .sweep import Sweep

UNBIASED = "unbiased"
"""The method without rounds: the unbiased simulations of the section ``baseline`` alone."""

_SEED = "random_seed"


def repeat_run(config: dict) -> Sweep:
    """Return the configured run for every random seed of ``validation``.

    Args:
        config: The resolved configuration.
    """
    rows = {_name_of_seed(config, seed): {_SEED: seed} for seed in config["validation"]["random_seeds"]}
    return Sweep(f"{config['run']}-validation", rows)


def repeat_methods(config: dict, methods: Sweep) -> Sweep:
    """Return every method for every random seed of ``validation``.

    A method that differs in nothing from the configuration is the run that is validated.

    Args:
        config: The resolved configuration.
        methods: A row a method.

    Raises:
        InputError: If methods differ in their random seeds.
    """
    rows: dict[str, dict[str, Any]] = {}
    for method, changed in methods.rows.items():
        if _SEED in changed:
            raise InputError(
                f"validation.baselines: {methods.path} gives {method} the random_seed {changed[_SEED]}; "
                "drop the column: every method runs for validation.random_seeds."
            )
        for seed, run in runs_of_method(config, methods, method).items():
            rows[run] = changed | {_SEED: seed}
    return Sweep(f"{config['run']}-baselines", rows, methods.path)


def runs_of_method(config: dict, methods: Sweep, method: str) -> dict[int, str]:
    """Return the names of a method's runs by their random seeds."""
    seeds = config["validation"]["random_seeds"]
    if not methods.rows[method]:
        return {seed: _name_of_seed(config, seed) for seed in seeds}
    return {seed: f"{config['run']}-{method}-seed-{seed}" for seed in seeds}


def _name_of_seed(config: dict, seed: int) -> str:
    """Name a run; that of the configuration itself need not be made twice."""
    return config["run"] if seed == config[_SEED] else f"{config['run']}-seed-{seed}"

"""The runs of one invocation: that of the configuration, those of its tables, and the folders that they share."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .checks import check_references
from .errors import InputError
from .paths import Source, look_up, resolve_paths
from .repeats import UNBIASED, repeat_methods, repeat_run, runs_of_method
from .settings import resolve_config
from .sweep import STEPS, Sweep, read_sweep, shared_name, shared_pattern, step_of_shared_name

_WITHOUT_INPUTS = (
    "run",
    "random_seed",
    "sweep",
    "validation",
)  # runs that differ in no more than these need one check of their inputs


class Runs(dict):
    """The resolved configuration of every run by its name: the base at once, the others once they are asked for.

    A job needs one run and should not wait for the configurations of all.

    Attributes:
        base: The name of the run that the configuration itself describes.
        sweep: The user's table of others; without rows where the configuration names none.
        validation: The configured run for every random seed of ``validation``.
        methods: The methods that the configured run is held against, a row each; without rows where there are none.
        baselines: Every method for every one of these random seeds.
    """

    def __init__(
        self,
        given: dict,
        schema: dict,
        sources: Iterable[Source] = (),
        home: Path | None = None,
        check: Callable[[dict], None] | None = None,
    ) -> None:
        """Resolve the configuration.

        Args:
            given: The configuration as the user gave it.
            schema: The schema.
            sources: The files that it comes from, the one that overrides the others first.
            home: The folder of mesaflow.
            check: Checks the inputs of a resolved configuration.

        Raises:
            InputError: If the configuration, or the form of its table of runs, is faulty.
        """
        super().__init__()
        self._checked: set[str] = set()
        self._given, self._schema, self._sources, self._home, self._check = given, schema, list(sources), home, check
        resolved = self._resolve(given, self._sources)
        self.base = resolved["run"]
        if step_of_shared_name(self.base):
            raise InputError(f"run is {self.base!r}, as folders are named that runs share; give it another name.")
        self[self.base] = resolved
        table = resolved["sweep"]
        self.sweep = read_sweep(table, schema) if table else Sweep("sweep", {})
        self.validation = repeat_run(resolved)
        table = resolved["validation"]["baselines"]
        self.methods = read_sweep(table, schema, "validation.baselines") if table else Sweep("baselines", {})
        self.baselines = repeat_methods(resolved, self.methods)
        self._tables = self._find_tables()

    def __missing__(self, run: str) -> dict:
        """Resolve a run of a table, or find one that shares a folder.

        Raises:
            InputError: If there is no such run, or its row is faulty.
        """
        step = step_of_shared_name(run)
        if step:
            self[run] = self._find_sharing(run, step)
        elif run in self._tables:
            self[run] = self._configure(run, self._tables[run])
        else:
            raise KeyError(run)
        return self[run]

    def of_sweep(self) -> list[str]:
        """Return the names of the runs of the sweep, all of them resolved and checked.

        Raises:
            InputError: If there is no sweep, or rows are faulty, with one line for each fault.
        """
        if not self.sweep.rows:
            raise InputError("sweep is null, and there is no table to take runs from; give it the path of one.")
        if self.base == self.sweep.name:
            raise InputError(
                f"run is {self.base!r} as the table {self.sweep.path}, and their results would mix; rename one."
            )
        return self.of(self.sweep)

    def of_methods(self) -> dict[str, dict[int, str]]:
        """Return for every method the names of its runs by their random seeds, all of them resolved and checked.

        Raises:
            InputError: If there is no table of methods, rows are faulty, or there is nothing to run without bias.
        """
        if not self.methods.rows:
            raise InputError(
                "validation.baselines is null, and there is no table to take methods from; give it the path of one."
            )
        self.of(self.baselines)
        methods = {name: runs_of_method(self[self.base], self.methods, name) for name in self.methods.rows}
        for run in methods.get(UNBIASED, {}).values():
            if self[run]["baseline"]["n_replicas"] == 0:
                raise InputError(
                    f"validation.baselines: {self.methods.path} has the method {UNBIASED} with baseline.n_replicas 0; "
                    "give at least 1 in a column of that name, or drop the method."
                )
        return methods

    def of(self, table: Sweep) -> list[str]:
        """Return the names of the runs of a table, all of them resolved and checked.

        Raises:
            InputError: If rows are faulty, with one line for each fault.
        """
        faults = []
        for run in table.rows:
            try:
                if run == self.base:
                    self._require_base(table)
                self[run]
            except InputError as error:
                faults += str(error).splitlines()
        if faults:
            raise InputError("\n".join(faults))
        return list(table.rows)

    def owners_pattern(self, step: str) -> str:
        """Return a regular expression of the folders in which a step is done."""
        return "|".join([re.escape(self.base), shared_pattern(step)])

    def members_pattern(self, step: str) -> str:
        """Return a regular expression of the folders in which a step is a link to another folder's."""
        rows = [re.escape(run) for run in self._tables if run != self.base]
        return "|".join([*rows, shared_pattern(*(other for other in STEPS if other != step))])

    def pattern(self) -> str:
        """Return a regular expression of the names of all runs and of what they share."""
        return "|".join([*map(re.escape, {self.base: None} | self._tables), shared_pattern(*STEPS)])

    def varied(self, run: str) -> dict[str, Any]:
        """Return a run's values of the keys in which runs of the sweep differ, by dotted keys."""
        keys = dict.fromkeys(key for row in self.sweep.rows.values() for key in row)
        return {key: look_up(self[run], key.split(".")) for key in keys}

    def owner(self, run: str, step: str) -> str:
        """Name the run or shared folder that does a step for a run: the base where its configuration is the same."""
        name = shared_name(step, self[run])
        return self.base if name == shared_name(step, self[self.base]) else name

    def shared_steps(self, run: str) -> dict[str, str]:
        """Return the steps that a run does not do itself, each with the run or folder that does it."""
        owners = {step: self.owner(run, step) for step in STEPS}
        return {step: owner for step, owner in owners.items() if owner != run}

    def _configure(self, run: str, table: Sweep) -> dict:
        config, source = table.configure(run, self._given)
        try:
            return self._resolve(config, [source, *self._sources])
        except InputError as error:
            raise table.locate(error, run) from error

    def _find_tables(self) -> dict[str, Sweep]:
        """Return the table of every run; refuse names of the sweep that are taken.

        Raises:
            InputError: If results of the sweep would mix with those of the other tables.
        """
        others = {run: table for table in (self.baselines, self.validation) for run in table.rows}
        taken = others.keys() | {self.validation.name, self.baselines.name}
        for run in self.sweep.rows.keys() | {self.sweep.name}:
            if run in taken - {self.base}:
                raise InputError(
                    f"sweep: {self.sweep.path} takes the name {run!r}, which is that of a folder of `validate` or `baselines`; "
                    "choose another."
                )
        return others | dict.fromkeys(self.sweep.rows, self.sweep)

    def _resolve(self, given: dict, sources: list[Source]) -> dict:
        resolved = resolve_paths(resolve_config(given, self._schema), self._schema, sources, self._home)
        check_references(resolved)
        inputs = json.dumps(
            {key: value for key, value in resolved.items() if key not in _WITHOUT_INPUTS}, sort_keys=True
        )
        if self._check and inputs not in self._checked:
            self._check(resolved)
            self._checked.add(inputs)
        return resolved

    def _require_base(self, table: Sweep) -> None:
        """Refuse a row that has the name of the base and other settings."""
        row = self._configure(self.base, table)
        base = self[self.base] | {"sweep": None}
        changed = [key for key in row if row[key] != base[key]]
        if changed:
            error = InputError(
                f"{changed[0]} is not that of the configuration, whose run has this name; rename one of them."
            )
            raise table.locate(error, self.base)

    def _find_sharing(self, folder: str, step: str) -> dict:
        for run in (*self, *self._tables):  # those at work first
            try:
                config = self.get(run) or self._configure(run, self._tables[run])
            except InputError:
                continue  # of a table that nobody asks for
            if shared_name(step, config) == folder:
                return config
        raise InputError(f"results/{folder} is shared by no run; ask for results of {', '.join(self._tables)}.")

"""A DAG file that `build` wrote, as a server has loaded it: its structure, its configuration, its schedule."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import Any


class LoadedFile:
    """The text of a DAG file; a broken one could not be imported when it was last read."""

    def __init__(self, text: str, *, is_broken: bool = False) -> None:
        self.text, self.is_broken = text, is_broken

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax; empty for a text that is no Python."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def structure(self) -> str | None:
        """The mark of the pipeline that it was built from; None if `build` did not write it."""
        return self._literal("Steps", "structure")

    @cached_property
    def schedule(self) -> str:
        """The source of the schedule."""
        schedule = self._argument("DAG", "schedule")
        return ast.unparse(schedule) if schedule else "None"

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """What the environment gives to runs."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONFIGURATION":
                values: dict[str, Any] = ast.literal_eval(node.value)
                return values
        return {}

    def _argument(self, function: str, name: str) -> ast.expr | None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                return next((word.value for word in node.keywords if word.arg == name), None)
        return None

    def _literal(self, function: str, name: str) -> str | None:
        argument = self._argument(function, name)
        return str(argument.value) if isinstance(argument, ast.Constant) else None


def differences(loaded: LoadedFile, built: LoadedFile) -> str:
    """What differs between two files, in words; empty if they make the same DAG."""
    if loaded.structure != built.structure:
        return f"structure {loaded.structure}, here {built.structure}"
    names = sorted(loaded.configuration.keys() | built.configuration.keys())
    other = [name for name in names if loaded.configuration.get(name) != built.configuration.get(name)]
    if other:
        return f"configuration: {', '.join(other)}"
    if loaded.schedule != built.schedule:
        return f"schedule {loaded.schedule}, here {built.schedule}"
    return "" if ast.dump(loaded.tree) == ast.dump(built.tree) else "arguments of the DAG or of tasks"

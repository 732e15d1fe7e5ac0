"""The commands: our own, and those that other distributions add by an entry point.

An entry point of the group `counterpoint.commands` names a module with `HELP`, `arguments(parser)` and `run(args)`,
and perhaps `EXAMPLE`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse
    from importlib.metadata import EntryPoint

GROUP = "counterpoint.commands"
# in the order of the help; each is a module of this package, or of the distribution that `OFFERED` names
ORDER = (
    "pipelines",
    "init",
    "show",
    "run",
    "smoke",
    "backfill",
    "retry",
    "approve",
    "status",
    "watch",
    "compare",
    "advise",
    "diff",
    "migrate",
    "why",
    "dlq",
    "alerts",
    "lineage",
    "reproduce",
    "models",
    "build",
    "deploy",
    "up",
    "down",
    "doctor",
    "completion",
)
OFFERED = {"compare": "counterpoint-compare", "advise": "counterpoint-compare", "migrate": "counterpoint-migrate"}


class Command(Protocol):
    """The members of a command's module.

    `HELP` says in one line what the command does. `EXAMPLE` holds one to three command lines for the end of its
    `--help`; a module may leave it out.
    """

    HELP: str
    EXAMPLE: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's own arguments and options."""

    def run(self, args: argparse.Namespace) -> int:
        """Runs the command and returns the exit code."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A command that cannot be used here."""

    reason: str


@cache
def _points() -> dict[str, EntryPoint]:
    # every command asks twice: which commands there are, and whose log is shown
    return {point.name: point for point in entry_points(group=GROUP)}


def packages() -> set[str]:
    """The top-level packages with commands, whose log messages are progress."""
    return {"counterpoint", *(point.value.partition(".")[0] for point in _points().values())}


def commands() -> dict[str, Command | Missing]:
    """Every command by its name, in the order of the help; no other distribution can replace ours."""
    points, by_name = _points(), dict[str, Command | Missing]()
    for name in (*ORDER, *sorted(points.keys() - set(ORDER))):
        if name in ORDER and name not in OFFERED:
            by_name[name] = cast("Command", importlib.import_module(f"counterpoint.cli.{name}"))
        elif name in points:
            try:
                by_name[name] = cast("Command", points[name].load())
            except Exception as error:  # noqa: BLE001 - a fault of another distribution must not disable our own commands
                by_name[name] = Missing(f"{points[name].value} cannot be imported: {type(error).__name__}: {error}")
        else:
            by_name[name] = Missing(f"it is a command of {OFFERED[name]}: pip install {OFFERED[name]}")
    return by_name

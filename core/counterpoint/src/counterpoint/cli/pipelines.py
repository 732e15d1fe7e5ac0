"""`counterpoint pipelines`: lists the registered pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, table

if TYPE_CHECKING:
    import argparse

HELP = "list the registered pipelines"
EXAMPLE = "counterpoint pipelines --json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Lists the pipelines that installed packages register."""
    from counterpoint.runtime.registry import find_pipeline, registered

    pipelines = [(name, find_pipeline(name)) for name in registered()]
    if args.json:
        answer([{"name": n, "steps": p.step_names, "description": p.description} for n, p in pipelines])
    else:
        table(
            "Pipelines",
            ("name", "steps", "description"),
            [(n, len(p.steps), p.description) for n, p in pipelines],
        )
    return 0

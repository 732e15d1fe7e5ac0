"""The commands that the comparison tells for Dagster are ones that it takes."""

from __future__ import annotations

import shlex

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.comparison.operations import commands


@pytest.mark.parametrize("command", commands("dagster"))
def test_a_command_is_taken(command: str) -> None:
    from dagster._cli import create_dagster_cli

    name, *words = shlex.split(command)
    assert name == "dagster"
    at = create_dagster_cli()
    while hasattr(at, "commands"):
        at, words = at.commands[words[0]], words[1:]
    context = at.make_context(at.name, words)  # refuses what it does not know
    assert context.args == []

"""Every command, and every action of one, ends its help with an example that the parser takes."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.commands import ORDER
from counterpoint.cli.parser import parser

if TYPE_CHECKING:
    from collections.abc import Iterator


def parsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, and of their actions."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield sub
                yield from parsers(sub)


COMMANDS = {command.prog: command for command in parsers(parser())}


def example(command: argparse.ArgumentParser) -> list[str]:
    _, found, lines = command.format_help().partition("\nexample:\n")
    return [line.strip() for line in lines.splitlines()] if found else []


def test_actions_count_as_commands() -> None:
    assert {f"counterpoint {name}" for name in ORDER} < {*COMMANDS}
    assert "counterpoint migrate validate" in COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_ends_with_an_example_that_is_taken(name: str) -> None:
    lines = example(COMMANDS[name])
    assert 1 <= len(lines) <= 3
    for line in lines:
        # an example may stand in a substitution of the shell, or write to a file
        words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"').partition(" > ")[0])
        assert line.count(name) == 1
        assert vars(parser().parse_args(words[1:]))["command"] == name.split()[1]

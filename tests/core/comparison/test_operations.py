"""What an operator does on each side: the same ends, and commands that the command line takes."""

from __future__ import annotations

import shlex

import pytest

from counterpoint.cli.parser import parser
from counterpoint_compare.operations import commands, operations

SIDES = ["counterpoint", "airflow", "dagster", "prefect"]


def test_every_end_is_reached_on_every_side() -> None:
    found = operations()
    assert len(found) == 7
    assert all(list(one["on"]) == SIDES and all(one["on"].values()) for one in found)


@pytest.mark.parametrize("command", commands("counterpoint"))
def test_a_command_is_taken(command: str) -> None:
    words = shlex.split(command)
    assert parser().parse_args(words[1:]).command == words[1]

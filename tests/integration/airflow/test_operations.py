"""The commands that the comparison tells for Airflow are ones that it takes."""

from __future__ import annotations

import shlex

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.comparison.operations import commands


@pytest.mark.parametrize("command", commands("airflow"))
def test_a_command_is_taken(command: str) -> None:
    from airflow.cli.cli_parser import get_parser

    words = shlex.split(command)
    assert words[0] == "airflow"
    assert callable(get_parser().parse_args(words[1:]).func)

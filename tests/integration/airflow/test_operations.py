"""The commands that the comparison tells for Airflow are ones that it takes; its components share their key."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.adapter import find_adapter
from counterpoint.services import new_target
from counterpoint_compare.operations import commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", commands("airflow"))
def test_a_command_is_taken(command: str) -> None:
    from airflow.cli.cli_parser import get_parser

    words = shlex.split(command)
    assert words[0] == "airflow"
    assert callable(get_parser().parse_args(words[1:]).func)


def test_components_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    adapter = find_adapter("airflow")
    plan = adapter.plan(new_target(adapter, str(tmp_path), ("counterpoint.testing.scenarios:linear",)))
    ask = [*plan.processes[0].command[:-1], "config", "get-value", "core", "fernet_key"]
    environment = {**os.environ, **plan.environment}
    asked = [subprocess.Popen(ask, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [one.communicate(timeout=120)[0].strip() for one in asked]
    assert (len(set(told)), len(told[0])) == (1, 44)

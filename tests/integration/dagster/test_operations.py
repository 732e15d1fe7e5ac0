"""Dagster takes the commands that the comparison prints for it; a target that it cannot serve is refused."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.errors import UsageError
from counterpoint.model import Pipeline, step
from counterpoint.runtime import registry
from counterpoint.service_environment import ServiceEnvironment
from counterpoint_compare.operations import commands
from counterpoint_dagster import deploy

if TYPE_CHECKING:
    from pathlib import Path


@step()
def read():
    return 1


@step()
def count():
    return 2


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


def test_two_pipelines_with_a_step_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = {name: Pipeline(name, (read,)) for name in ("orders", "prices")} | {
        "trend": Pipeline("trend", (count,))
    }
    monkeypatch.setattr(registry, "find_pipeline", pipelines.__getitem__)
    target = ServiceEnvironment(tmp_path, str(tmp_path), ("orders", "trend"), {"web": 1}, "secret")
    assert deploy.plan(target).processes
    shared = ServiceEnvironment(tmp_path, str(tmp_path), ("orders", "trend", "prices"), {"web": 1}, "secret")
    with pytest.raises(UsageError, match="orders and prices both have a step read.*--pipeline prices"):
        deploy.plan(shared)

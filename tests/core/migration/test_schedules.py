"""Schedules, whoever has them: asked in another environment, kept off from the start, and what the kit finds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.adapter import ServiceEnvironment
from counterpoint.errors import ServiceError
from counterpoint.testing import ConformanceError, LocalAdapter, check_schedules
from counterpoint_migrate.cutover.schedules import Served, served_as

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

LINEAR = "counterpoint.testing.scenarios:linear"
DEPLOY = """
from counterpoint.adapter import Plan, Process
def plan(target):
    return Plan((Process("server", ("serve",)),), lambda: None, (Process("migrate", ("m",)),), environment={"A": "1"})
"""
CLOCKWORK = """
from counterpoint.module_adapter import ModuleAdapter
class Clockwork(ModuleAdapter):
    name = distribution = package = "clockwork"
"""
SCHEDULES = """
PAUSE_BEFORE_START = {"A": "2", "PAUSED": "yes"}
def pause_before_start(names):
    open("held", "w").write(" ".join(names))
"""


class Clock(LocalAdapter):
    """The local runner with a schedule to be turned; one that is stuck tells what it was told last, and does not."""

    def __init__(self, *, stuck: bool = False) -> None:
        super().__init__()
        self.on, self.stuck = True, stuck

    def scheduled(self, target: ServiceEnvironment, pipeline: str) -> bool | None:  # noqa: ARG002
        return self.on

    def schedule(self, target: ServiceEnvironment, pipeline: str, *, on: bool) -> None:  # noqa: ARG002
        self.on = self.on if self.stuck else on


def target_in(folder: Path) -> ServiceEnvironment:
    return ServiceEnvironment(folder, str(folder), (LINEAR,), {"web": 1}, "s", schedules=True)


def test_the_kit_turns_a_schedule_and_leaves_it_started(tmp_path: Path) -> None:
    adapter = Clock()
    check_schedules(adapter, target_in(tmp_path), LINEAR)
    assert adapter.on
    with pytest.raises(ConformanceError, match="schedule, paused: expected False, got True"):
        check_schedules(Clock(stuck=True), target_in(tmp_path), LINEAR)
    with pytest.raises(ConformanceError, match="schedule, at first: expected True, got False"):
        check_schedules(LocalAdapter(), target_in(tmp_path), LINEAR)


def test_what_is_paused_is_held_before_anything_starts(
    tmp_path: Path, on_path: Callable[[str], AbstractContextManager[None]]
) -> None:
    package = tmp_path / "clockwork"
    package.mkdir()
    for name, text in {"__init__": CLOCKWORK, "deploy": DEPLOY, "schedules": SCHEDULES}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    with on_path(str(tmp_path)):
        adapter = import_module("clockwork").Clockwork()
        assert [process.name for process in adapter.plan(target_in(tmp_path)).prepare] == ["migrate"]
        plan = adapter.plan(replace(target_in(tmp_path), paused=(LINEAR, "b:b")))
        assert [process.name for process in plan.prepare] == ["migrate", "schedules"]
        assert plan.environment == {"A": "2", "PAUSED": "yes"}
        subprocess.run(plan.prepare[-1].command, cwd=tmp_path, check=True)
    assert (tmp_path / "held").read_text(encoding="utf-8") == f"{LINEAR} b:b"


def test_services_that_do_not_run_do_not_stand(tmp_path: Path) -> None:
    here = Served("dagster", str(tmp_path), LINEAR, Path(sys.executable))
    assert not here.is_running
    assert served_as(target_in(tmp_path), LINEAR) == LINEAR
    assert served_as(target_in(tmp_path), "counterpoint.testing.scenarios:diamond") is None


def test_another_environment_is_asked_and_what_it_says_is_told(tmp_path: Path) -> None:
    # another path to the same Python is another environment
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    with pytest.raises(
        ServiceError, match=r"^dagster: .*dagster.*; stop it by 'counterpoint down dagster --root .*', or repair it"
    ):
        Served("dagster", str(tmp_path), LINEAR, other).scheduled()
    with pytest.raises(ServiceError, match="dagster was not asked"):
        Served("dagster", str(tmp_path), LINEAR, tmp_path / "gone").scheduled()


def test_nothing_is_turned_for_one_who_is_gone(tmp_path: Path) -> None:
    words = ["0", "off", "dagster", str(tmp_path), LINEAR]
    command = [sys.executable, "-m", "counterpoint_migrate.cutover.schedules", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")

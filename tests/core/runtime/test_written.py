"""The code that runs is the code whose digest is kept, also in a process that outlives a version of the code."""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.model import RunRequest, Status
from counterpoint.runtime import (
    Attempt,
    Freshness,
    LocalRun,
    collect,
    context_of,
    execute,
    execute_attempt,
    find_pipeline,
    freshness,
)
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import OnPath

    from counterpoint.model import RunRecord

PIPES = """
from counterpoint.model import Output, Pipeline, step
number = step("quarry.steps:number", output=Output(contract="quarry.rules:positive"))
quarry = Pipeline("quarry", (number,))
"""
STEPS = """
from pathlib import Path
from .stones import WEIGHT
def number():
    from . import {lazy} as found
    return 21 * WEIGHT * found.WEIGHT
"""
FILES = {
    "__init__.py": "",
    "pipes.py": PIPES,
    "steps.py": STEPS.format(lazy="pebbles"),
    "stones.py": "WEIGHT = 2\n",
    "pebbles.py": "WEIGHT = 1\n",
    "rules.py": "from quarry.limits import LOW\ndef positive(value):\n    assert value > LOW\n",
    "limits.py": "LOW = 0\n",
}


class Quarry:
    """A package of a user's, on the path here and in what is started."""

    def __init__(self, folder: Path) -> None:
        self.package, self.root = folder / "quarry", str(folder / "data")
        self.package.mkdir()
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.package / name).write_text(text, encoding="utf-8")

    def request(self, run_id: str) -> RunRequest:
        return RunRequest("quarry.pipes:quarry", "2026-03-01", run_id, self.root)

    def run(self, run_id: str) -> RunRecord:
        """Each step in a process of its own, forked from one that lives on."""
        request = self.request(run_id)
        pipeline = find_pipeline(request.pipeline)
        store = Store(self.root, pipeline)
        return collect(pipeline, store, request, LocalRun(request).run(), "0")

    def here(self, run_id: str) -> int:
        """The step in this process, as a task of an orchestrator executes it."""
        return self.value(execute(self.request(run_id), "number"))

    def value(self, reference: object) -> int:
        return int(context_of(self.request("read"), "number").store.read(reference))  # type: ignore[arg-type]

    @property
    def standing(self) -> int:
        entry = context_of(self.request("read"), "number").store.entry("number", "2026-03-01")
        assert entry is not None
        return self.value(entry.reference)

    @property
    def state(self) -> Freshness:
        return freshness(context_of(self.request("read"), "number"))


@pytest.fixture
def quarry(tmp_path: Path, on_path: OnPath) -> Iterator[Quarry]:
    with on_path(str(tmp_path)):
        yield Quarry(tmp_path)
    find_pipeline.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "quarry"]:
        del sys.modules[name]


def test_an_edited_helper_is_run_anew_in_a_process_that_lives_on(quarry: Quarry) -> None:
    assert quarry.run("first").status is Status.SUCCESS
    assert (quarry.standing, quarry.state) == (42, Freshness.FRESH)
    quarry.write("stones.py", "WEIGHT = 3\n")
    assert quarry.state is Freshness.STALE
    quarry.run("second")
    assert (quarry.standing, quarry.state) == (63, Freshness.FRESH)


def test_a_contract_that_was_tightened_makes_old_outputs_stale_and_is_held_against_new_ones(quarry: Quarry) -> None:
    quarry.run("first")
    quarry.write("limits.py", "LOW = 1000\n")
    assert quarry.state is Freshness.STALE
    assert quarry.run("second").status is Status.FAILED


def test_what_a_process_makes_of_old_code_is_not_taken_for_that_of_the_new(quarry: Quarry) -> None:
    assert quarry.here("first") == 42
    assert quarry.state is Freshness.FRESH
    quarry.write("stones.py", "WEIGHT = 3\n")
    assert quarry.here("second") == 42  # the module is loaded
    assert quarry.state is Freshness.STALE
    made = execute_attempt(Attempt(quarry.request("third"), "number", {}))
    assert (quarry.value(made), quarry.state) == (63, Freshness.FRESH)


def test_a_module_that_was_loaded_by_hand_before_it_was_changed(quarry: Quarry) -> None:
    importlib.import_module("quarry.stones")
    quarry.write("stones.py", "WEIGHT = 3\n")
    assert quarry.here("first") == 42
    assert quarry.state is Freshness.STALE


def test_code_that_changes_while_it_runs_is_of_unknown_age(quarry: Quarry, caplog: pytest.LogCaptureFixture) -> None:
    edit = "    Path(__file__).with_name('pebbles.py').write_text('WEIGHT = 5')\n    from . import pebbles"
    quarry.write("steps.py", STEPS.format(lazy="pebbles").replace("    from . import pebbles", edit))
    assert quarry.here("first") == 210
    assert quarry.state is Freshness.STALE
    assert "was made while its code changed (quarry.pebbles), so it counts as stale: run it again" in caplog.text


def rewritten(quarry: Quarry, *, kept: bool) -> None:
    """Bytecode of the old code, and a source of the same size and second; `kept`: with the time of the old one."""
    source = quarry.package / "stones.py"
    py_compile.compile(str(source), doraise=True)
    before = source.stat()
    quarry.write("stones.py", "WEIGHT = 3\n")
    shift = 0 if kept else 1
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns // 10**9 * 10**9 + shift))


@pytest.mark.parametrize("kept", [False, True])
def test_bytecode_of_the_old_code_is_not_run(quarry: Quarry, kept: bool) -> None:  # noqa: FBT001
    rewritten(quarry, kept=kept)
    assert quarry.run("first").status is Status.SUCCESS
    assert (quarry.standing, quarry.state) == (63, Freshness.FRESH)


def test_what_was_made_by_bytecode_of_the_old_code_is_stale(quarry: Quarry) -> None:
    rewritten(quarry, kept=True)
    importlib.import_module("quarry.stones")
    assert quarry.here("first") == 42
    assert quarry.state is Freshness.STALE
    quarry.run("second")
    assert (quarry.standing, quarry.state) == (63, Freshness.FRESH)


def test_bytecode_that_is_right_is_left(quarry: Quarry) -> None:
    cached = Path(py_compile.compile(str(quarry.package / "stones.py"), doraise=True) or "")
    before = cached.stat()
    quarry.run("first")
    assert (cached.stat().st_ino, cached.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_bytecode_that_cannot_be_removed_makes_stale_what_it_runs(
    quarry: Quarry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise PermissionError

    rewritten(quarry, kept=True)
    monkeypatch.setattr(os, "unlink", refuse)
    assert quarry.here("first") == 42
    assert quarry.state is Freshness.STALE

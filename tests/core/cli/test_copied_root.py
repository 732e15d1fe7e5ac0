"""Every command obeys its `--root`: on a copy of a root nothing of the original is read or changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ledgerly import DAY, PIPELINE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Command


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_copy_is_run_retried_and_explained_by_itself(command: Command, tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    at = ("--root", str(original))
    command.json("run", PIPELINE, "--date", "2026-01-02", *at)
    failed = command("run", PIPELINE, "--date", DAY, *at, LEDGERLY_FAILS="read")
    assert failed.returncode == 1
    (run,) = [path.name for path in (original / "runs" / "ledgerly").glob(f"ledgerly-{DAY}*")]
    shutil.copytree(original, copy)
    before = files(original)

    shown = command.json("alerts", "list", "--root", str(copy))
    assert {case["alert"]["command"] for case in shown} == {f"counterpoint retry {PIPELINE} --run {run} --root {copy}"}
    why = command.json("why", run, "--root", str(copy))
    assert why["redo"].endswith(f"--run {run} --root {copy}")
    assert command.printed(why["redo"]).returncode == 0
    made = command.json("run", PIPELINE, "--date", "2026-01-04", "--root", str(copy))
    places = [step["output"]["uri"] for step in made["steps"]]
    assert all(place.startswith(f"{copy}/") for place in places)
    assert files(original) == before

    shutil.rmtree(original)
    again = command.json("run", PIPELINE, "--date", "2026-01-04", "--root", str(copy))
    assert [step["output"]["digest"] for step in again["steps"]] == [s["output"]["digest"] for s in made["steps"]]
    assert str(original) not in str(again)
    assert command.json("backfill", PIPELINE, "--from", DAY, "--to", DAY, "--version", "v1", "--root", str(copy))
    assert command.json("backfill", "promote", PIPELINE, "v1", "--root", str(copy))
    assert not original.exists()

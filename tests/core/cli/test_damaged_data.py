"""The commands that are printed for damaged data make it again, with the settings that it was made with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from damages import only, replaced, same_size, table
from ledgerly import DAY, PIPELINE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Command

ROWS = ("--set", "rows=7")


def test_the_command_of_status_makes_it_again(command: Command, tmp_path: Path) -> None:
    at = (PIPELINE, *ROWS, "--root", str(tmp_path / "root"))
    made = command.json("run", *at, "--date", DAY)
    replaced(only(tmp_path, f"root/{table('trend')}"))
    (found,) = command.json("status", *at)["damaged"]
    assert command("status", *at).stderr.count("--verify checks their digests") == 1
    assert command.printed(found["command"]).returncode == 0
    assert command.json("status", *at, "--verify")["damaged"] == []
    again = command.json("run", *at, "--date", DAY)
    assert [step["output"]["digest"] for step in again["steps"]] == [s["output"]["digest"] for s in made["steps"]]
    assert all(step["reused"] for step in again["steps"])


def test_a_version_that_is_not_what_was_written_is_not_promoted(command: Command, tmp_path: Path) -> None:
    at = ("--root", str(tmp_path / "root"))
    command.json("backfill", PIPELINE, "--from", DAY, "--to", DAY, "--version", "v1", *ROWS, *at)
    file = only(tmp_path, f"root/{table('trend', version='v1')}")
    same_size(file)
    refused = command("backfill", "promote", PIPELINE, "v1", *at)
    assert refused.returncode == 2
    assert str(file) in refused.stderr
    printed = re.search(r"'(counterpoint retry [^']*)'", refused.stderr)
    assert printed
    assert command.printed(printed[1]).returncode == 0
    command.json("backfill", "promote", PIPELINE, "v1", *at)

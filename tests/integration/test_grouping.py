"""Commands know the steps of a group, not the group: why, status and retry after a failure within one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counterpoint.adapter import find_adapters

INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
HERE = str(Path(__file__).parent)


class Desk:
    """The commands of a person, on one root."""

    def __init__(self, base: Path) -> None:
        self.folder, self.root = base / "evidence", base / "root"
        self.folder.mkdir()

    def command(self, *words: str, code: int = 0) -> Any:
        path = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-m", "counterpoint", *words, "--root", str(self.root), "--json"]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr[-3000:]
        return json.loads(done.stdout)

    def calls(self) -> dict[str, int]:
        names = ("raw", "first", "second", "beside", "end")
        return {name: len(list(self.folder.glob(f"{name}.[0-9]*"))) for name in names}


def test_a_failure_within_a_group_is_told_and_mended_by_step(tmp_path: Path) -> None:
    desk, day = Desk(tmp_path), "2026-01-03"
    (desk.folder / "bad").touch()
    words = ("--date", day, "--on", ORCHESTRATOR, "--set", f'folder="{desk.folder}"')
    run = desk.command("run", "mending:mended", *words, code=1)
    assert {step["name"]: step["status"] for step in run["steps"]} == {
        "raw": "success",
        "first": "success",
        "second": "failed",
        "beside": "success",
        "end": "upstream_failed",
    }
    why = desk.command("why", run["run_id"])
    assert [(cause["step"], cause["error"]["type"]) for cause in why["causes"]] == [("second", "ValueError")]
    (desk.folder / "bad").unlink()
    retried = desk.command("retry", "mending:mended", "--run", run["run_id"])
    assert {step["status"] for step in retried["steps"]} == {"success"}
    assert desk.calls() == {"raw": 1, "first": 1, "second": 2, "beside": 1, "end": 1}

"""Planted secrets appear nowhere: not in what is stored, logged, printed or sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.alerts.delivery import send

if TYPE_CHECKING:
    from conftest import Chat

HERE = Path(__file__).parent
IN_ERRORS = ("planted-value-123", "s3cretive", "tok-98765", "abcdef1234567890")
IN_ROUTES = ("routepassword", "pathtoken42", "from-environment-7")


def test_no_secret_is_anywhere(tmp_path: Path, chat: Chat) -> None:
    routes = tmp_path / "alerts.toml"
    ways = [
        f"json://bob:routepassword@{chat.place}/pathtoken42",
        f"json://{chat.place}/${{HOOK}}",
        "json://bob:routepassword@127.0.0.1:1/pathtoken42?key=${HOOK}",
    ]
    routes.write_text(f"[routes]\nP0 = {json.dumps(ways)}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE),
        "LEAKY_API_TOKEN": IN_ERRORS[0],
        "HOOK": IN_ROUTES[2],
        "COUNTERPOINT_ALERTS": str(routes),
        "COUNTERPOINT_ROOT": str(tmp_path / "data"),
    }
    said = ""
    for words in (
        ("run", "leaks:leaky", "--date", "2026-01-01"),
        ("alerts", "list", "--all"),
        ("alerts", "test", "P0"),
    ):
        command = [sys.executable, "-m", "counterpoint", *words, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
    stored = {str(path): path.read_text() for path in (tmp_path / "data").rglob("*.json")}
    kinds = {path.removeprefix(str(tmp_path / "data")).split("/")[1] for path in stored}
    assert {"runs", "alerts"} <= kinds
    assert [post["title"] for post in chat.posts].count("[P0] leaky: leak failed: RuntimeError") == 2
    everything = "\n".join((said, json.dumps(chat.posts), *stored.values()))
    assert "no luck with ***" in everything
    assert "not delivered to P0[2]" in everything
    assert [secret for secret in (*IN_ERRORS, *IN_ROUTES) if secret in everything] == []


@pytest.mark.parametrize(
    "url",
    [
        "json://bob:routepassword@127.0.0.1:1/pathtoken42?key=from-environment-7",
        "slack://pathtoken42/routepassword/from-environment-7",
        "carrier-pigeon://pathtoken42:routepassword@from-environment-7",
        "mailto://bob:routepassword@127.0.0.1:1/pathtoken42?from=a@from-environment-7.example",
    ],
)
def test_a_delivery_that_fails_does_not_say_its_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    (error,) = send({"P0[0]": url}, "title", "body").values()
    assert error
    assert [secret for secret in IN_ROUTES if secret in error + caplog.text] == []

"""`counterpoint alerts`: the list holds the answer, acknowledging is kept, and the page about it tells what works."""

from __future__ import annotations

import json
import re
import shlex
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.alerts import Alert, tell
from counterpoint.alerts.routes import load_routes
from counterpoint.cli.main import main
from counterpoint.model import FailureClass, RunRequest, Severity
from counterpoint.runtime.breaker import Circuit
from counterpoint.storage.layout import breaker
from counterpoint.storage.objects import Objects, json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "schemas/alerts.schema.json").read_text(encoding="utf-8"))
PAGE = (DOCS / "how-to/alerts.md").read_text(encoding="utf-8")
BROKEN = Alert(
    severity=Severity.P0, failure=FailureClass.CODE_BUG, pipeline="farm", title="farm: milk failed", partition="day"
)
HEALED = Alert(severity=Severity.P3, failure=FailureClass.TRANSIENT, pipeline="farm", title="farm: milk healed")
OFF = Alert(
    severity=Severity.P0, failure=FailureClass.SWITCHED_OFF, pipeline="farm", step="milk", title="farm: milk is off"
)
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    monkeypatch.delenv("COUNTERPOINT_ALERTS", raising=False)
    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path / "data"))
    return Objects(str(tmp_path / "data"))


@pytest.fixture
def hook() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if self.path.endswith("/up") else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def routes(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "alerts.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("COUNTERPOINT_ALERTS", str(folder / "alerts.toml"))


def answered(words: str, capsys: Printed) -> Any:
    capsys.readouterr()
    assert main(["alerts", *words.split(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
    return found


def test_the_list_has_what_is_open_and_all_has_the_rest(store: Objects, capsys: Printed) -> None:
    assert answered("list", capsys) == []
    for alert in (BROKEN, HEALED, BROKEN):
        tell(store, alert)
    (row,) = answered("list", capsys)
    assert (row["id"], row["count"], row["alert"]["title"]) == (BROKEN.id, 2, "farm: milk failed")
    assert {row["id"] for row in answered("list --all", capsys)} == {BROKEN.id, HEALED.id}
    assert main(["alerts", "list"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"{BROKEN.id} P0 farm: milk failed | 2 times" in said.out


def test_the_list_says_what_was_not_delivered_and_what_is_held(
    store: Objects, hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    routes(tmp_path, monkeypatch, f'[routes]\nP0 = ["{hook}/up", "{hook}/down"]')
    tell(store, BROKEN)
    tell(store, Alert(**{**OFF.to_dict(), "version": "v2"}))
    found = {row["id"]: row for row in answered("list", capsys)}
    assert found[BROKEN.id]["outbox"][0]["routes"] == ["P0[1]"]
    assert [bool(row["error"]) for row in found[BROKEN.id]["deliveries"]] == [False, True]
    assert found[OFF.id]["held"] == ["v2"]
    main(["alerts", "list"])
    said = capsys.readouterr().out
    assert "not yet delivered to P0[1]" in said
    assert "held until v2 ends" in said


def test_an_alert_is_acknowledged(store: Objects, capsys: Printed) -> None:
    tell(store, BROKEN)
    (row,) = answered(f"ack {BROKEN.id} --by ann", capsys)
    assert row["acknowledged"]["by"] == "ann"
    assert answered("list", capsys) == []
    main(["alerts", "list", "--all"])
    assert "acknowledged by ann" in capsys.readouterr().out


def test_a_step_is_switched_on_by_its_alert(store: Objects, capsys: Printed) -> None:
    tell(store, OFF)
    circuit = Circuit(runs=(("a", ("",)),), opened=datetime.now(UTC).isoformat())
    store.put(breaker("farm", "milk"), json_bytes(circuit.to_dict()))
    assert main(["alerts", "ack", OFF.id]) == 0
    assert store.get_json(breaker("farm", "milk"))["state"] == "open"
    assert main(["alerts", "ack", OFF.id, "--reset"]) == 0
    assert Circuit.from_dict(store.get_json(breaker("farm", "milk"))) == Circuit()
    assert "its step is switched on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("shout", "alerts shout: write alerts list | ack ID | test SEVERITY"),
        ("ack", "alerts ack: write"),
        ("ack 0123", f"there is no alert '0123' below .*there are: {BROKEN.id}"),
        (f"ack {BROKEN.id} --reset", "does not concern a step that is switched off"),
        ("test P7", "'P7' is not a severity: choose from P0, P1, P2, P3"),
        ("test P0", "P0 has no routes: set COUNTERPOINT_ALERTS to a file of routes"),
    ],
)
def test_a_mistake_is_one_clear_error(store: Objects, capsys: Printed, words: str, said: str) -> None:
    tell(store, BROKEN)
    assert main(["alerts", *words.split()]) == 2
    printed = capsys.readouterr()
    assert re.search(said, printed.err)
    assert printed.out == ""


@pytest.mark.parametrize("words", ["list", "test P0"])
def test_a_wrong_file_of_routes_is_one_clear_error(
    store: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed, words: str
) -> None:
    routes(tmp_path, monkeypatch, '[routes]\nP0 = ["pigeon://loft"]')
    assert main(["alerts", *words.split()]) == 2
    assert "P0[0] (pigeon://...) is no URL of a service" in capsys.readouterr().err


def test_a_test_says_which_route_works(
    store: Objects, hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    routes(tmp_path, monkeypatch, f'[routes]\nP0 = ["{hook}/up"]\nP1 = ["{hook}/up", "{hook}/down"]')
    assert main(["alerts", "test", "P0"]) == 0
    capsys.readouterr()
    assert main(["alerts", "test", "P1", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(row["route"], bool(row["error"])) for row in found] == [("P1[0]", False), ("P1[1]", True)]


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_page_work(
    store: Objects, hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    routes(tmp_path, monkeypatch, f'[routes]\nP0 = ["{hook}/up"]')
    tell(store, OFF)
    assert main(shlex.split(command.replace("3da983ac0eba", OFF.id))[1:]) == 0


def test_the_file_of_the_page_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoint.alerts.delivery import check

    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    tokens = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    values = {"SLACK_TOKENS": tokens, "PAGER_KEY": "a" * 32 + "@" + "b" * 20, "MAIL_USER": "u", "MAIL_PASSWORD": "p"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    routes(tmp_path, monkeypatch, text)
    found = load_routes()
    assert found.of(Severity.P0) == ("P0[0]", "P0[1]")
    check(found)


def milk() -> int:
    return 1


def test_the_command_of_an_alert_is_one_that_works(store: Objects, capsys: Printed) -> None:
    from counterpoint.model import Breaker, Pipeline, step
    from counterpoint.runtime.breaker import switched_off
    from counterpoint.runtime.context import StepContext
    from counterpoint.storage import Store

    pipeline = Pipeline("farm", (step(milk, breaker=Breaker()),))
    context = StepContext(
        RunRequest("farm", "x", "r", store.root), pipeline, pipeline.step("milk"), Store(store.root, pipeline)
    )
    alert = switched_off(context, Circuit(opened=datetime.now(UTC).isoformat()))
    tell(store, alert)
    assert main(shlex.split(str(alert.command))[1:]) == 0

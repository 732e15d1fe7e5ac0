"""`counterpoint watch` as people and cron start it: on a real root, with alerts that arrive at a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import jsonschema
import pytest

from counterpoint.model import RunRequest
from counterpoint.runtime import LocalRun
from counterpoint.services.service_environments import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Harbour

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/watch.schema.json").read_text(encoding="utf-8"))
STALE = ("harbour:late", "harbour:stale")


class Pager:
    """A server that keeps what is posted to it, and the file of routes that leads there."""

    def __init__(self, folder: Path) -> None:
        received: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.received = received
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.routes = folder / "alerts.toml"
        self.routes.write_text(f'[routes]\nP1 = ["json://127.0.0.1:{self.server.server_port}/"]\n')
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[Pager]:
    made = Pager(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def watching(*words: str, root: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "counterpoint", "watch", *words, "--root", root]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **more}, stdout=pipe, stderr=pipe, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def made(harbour: Harbour) -> None:
    request = RunRequest("harbour:stale", "2026-01-06", "real", harbour.root)
    assert not LocalRun(request).run().failed


def test_a_late_run_and_an_old_output_arrive_once(harbour: Harbour, pager: Pager) -> None:
    made(harbour)
    routes = {"COUNTERPOINT_ALERTS": str(pager.routes)}
    code, out, err = ended(watching(*STALE, "--once", "--json", root=harbour.root, **routes))
    assert code == 0, err
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    late, stale = found["pipelines"]
    assert (late["runs"][0]["state"], late["runs"][0]["punctuality"]) == ("not_begun", "late")
    assert [(o["step"], o["partition"], o["too_old"]) for o in stale["outputs"]] == [("aging", "2026-01-06", True)]
    titles = sorted(message["title"] for message in pager.received)
    assert titles == ["[P1] aging of stale is older than its limit", "[P1] late is late"]
    code, out, _ = ended(watching(*STALE, "--once", root=harbour.root, **routes))
    assert code == 0
    assert "Scheduled runs" in out
    assert "Outputs with a freshness limit" in out
    assert len(pager.received) == 2


def test_what_could_not_be_delivered_is_delivered_by_a_later_look(harbour: Harbour, pager: Pager) -> None:
    made(harbour)
    routes = pager.routes.read_text()
    pager.routes.write_text(f'[routes]\nP1 = ["json://127.0.0.1:{free_port()}/"]\n')
    code, _, _ = ended(watching("harbour:stale", "--once", root=harbour.root, COUNTERPOINT_ALERTS=str(pager.routes)))
    assert (code, pager.received) == (0, [])
    pager.routes.write_text(routes)
    case = next(Path(harbour.root, "alerts").glob("*.json"))
    case.write_text(case.read_text().replace('"due": "2', '"due": "1'))  # its pause is over
    code, out, err = ended(
        watching("harbour:stale", "--once", "--json", root=harbour.root, COUNTERPOINT_ALERTS=str(pager.routes))
    )
    assert code == 0, err
    jsonschema.validate(json.loads(out), SCHEMA)
    assert [message["title"] for message in pager.received] == ["[P1] aging of stale is older than its limit"]


def test_alerts_are_logged_where_nobody_is_named(harbour: Harbour) -> None:
    code, out, err = ended(watching("harbour:late", "--once", root=harbour.root))
    assert (code, "P1 late is late" in out) == (0, False)
    assert "P1 late is late" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_ends_at_once(harbour: Harbour, number: signal.Signals) -> None:
    process = watching("harbour:late", "--every", "1h", "--json", root=harbour.root)
    assert process.stdout is not None
    jsonschema.validate(json.loads(process.stdout.readline()), SCHEMA)
    begun = time.monotonic()
    process.send_signal(number)
    code, out, err = ended(process)
    assert time.monotonic() - begun < 5
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_in_the_loop_a_line_is_said_when_something_is_new(harbour: Harbour) -> None:
    process = watching("harbour:late", "--every", "1s", "--quiet", root=harbour.root)
    assert process.stdout is not None
    line = process.stdout.readline()
    time.sleep(2.5)
    process.send_signal(signal.SIGTERM)
    _, out, _ = ended(process)
    # looked at three times at least, and told once
    assert (line + out).count("not_begun, late") == 1


def test_a_store_that_cannot_be_read_is_told_and_looked_at_again() -> None:
    port = free_port()
    place = {"ENDPOINT_URL": f"http://127.0.0.1:{port}", "ALLOW_HTTP": "true", "REGION": "us-east-1"}
    keys = {"ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any"}
    settings = {f"AWS_{name}": value for name, value in {**place, **keys}.items()}
    code, out, err = ended(watching("--once", root="s3://bucket/data", **settings))
    assert (code, out) == (2, "")
    assert "s3://bucket/data/runs cannot be read or written" in err
    process = watching("--every", "1s", root="s3://bucket/data", **settings)
    assert process.stderr is not None
    assert "cannot be read or written" in process.stderr.readline()
    moto: Any = import_module("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    urlopen(Request(f"{place['ENDPOINT_URL']}/bucket", method="PUT")).close()
    try:
        while "no registered pipeline has runs in s3://bucket/data" not in (line := process.stderr.readline()):
            assert line
    finally:
        process.send_signal(signal.SIGTERM)
        server.stop()
    assert ended(process)[0] == 130


@pytest.mark.parametrize("every", ["0", "0s", "soon", "5 m", "-1s", "1d"])
def test_a_length_of_time_that_is_none_is_named(harbour: Harbour, every: str) -> None:
    code, out, err = ended(watching("--once", "--every", every, root=harbour.root))
    assert (code, out) == (2, "")
    assert f"{every}: write a time above zero" in err or "expected one argument" in err


def test_a_pipeline_or_a_file_of_routes_that_is_wrong_is_bad_usage(harbour: Harbour, tmp_path: Path) -> None:
    code, _, err = ended(watching("streamrek", "--once", root=harbour.root))
    assert code == 2
    assert "did you mean 'streamrec'?" in err
    code, _, err = ended(watching("harbour:late", root=harbour.root, COUNTERPOINT_ALERTS=str(tmp_path / "none")))
    assert code == 2
    assert "COUNTERPOINT_ALERTS=" in err

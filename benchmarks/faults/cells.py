"""All faults on one orchestrator, in its own environment: one cell of the matrix each, as JSON values.

A run is started as its schedule or its page would start it: nothing looks at the source before. What is told of it is
asked by the commands that a person types.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from days import DATES, mend, put
from expected import ALL, DATABASE, FAULTS

from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.runtime import collect, find_pipeline
from counterpoint.runtime.request_store import keep_request
from counterpoint.services import ServiceEngine, engine_for, home_of
from counterpoint.services.launch import launch, new_run_id
from counterpoint.storage import Store, json_digest
from counterpoint_compare.tour import natively

if TYPE_CHECKING:
    from expected import Fault

    from counterpoint.services import Engine

PIPELINE = "faulty:pipeline"
AT_ONCE = 3
AWAY_SECONDS = 20.0
_ALERT_SECONDS = 15.0


class Chat(ThreadingHTTPServer):
    """Whoever is told: keeps the messages that arrive, each with its moment."""

    def __init__(self) -> None:
        self.messages: list[tuple[datetime, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    def of(self, run_id: str) -> list[datetime]:
        """When messages that name a run arrived."""
        return [at for at, text in self.messages if run_id in text]


class _Handler(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        """Takes a message."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.messages.append((datetime.now(UTC), text))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing of it."""


class Bench:
    """An orchestrator with its root, its days, and those who are told."""

    def __init__(self, base: Path, on: str, reference: dict[str, Any]) -> None:
        self.root, self.folder, self.on, self.reference = str(base / "data"), base / "days", on, reference
        self.folder.mkdir(parents=True)
        self.chat = Chat()
        routes = f'["json://127.0.0.1:{self.chat.server_port}/"]'
        file = base / "alerts.toml"
        file.write_text(f"[routes]\nP0 = {routes}\nP1 = {routes}\nP2 = {routes}\n", encoding="ascii")
        os.environ["COUNTERPOINT_ALERTS"] = str(file)
        self.store = Store(self.root, find_pipeline(PIPELINE))

    def request(self, fault: Fault) -> RunRequest:
        """A run of a fault's day."""
        date = DATES[fault.name]
        run_id = new_run_id("faulty", date, self.on)
        return RunRequest(PIPELINE, date, run_id, self.root, self.on, config={"folder": str(self.folder)})

    def ask(self, *words: str) -> tuple[Any, float]:
        """What a command answers, and in how many seconds."""
        began = time.monotonic()
        command = [sys.executable, "-m", "counterpoint", *words, "--root", self.root, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
        return json.loads(done.stdout), time.monotonic() - began

    def all(self, faults: list[Fault], engine: Engine) -> list[dict[str, Any]]:
        """All cells: some at the same time, and alone the one whose fault is everybody's database."""
        with ThreadPoolExecutor(AT_ONCE) as workers:
            found = list(workers.map(lambda f: self.cell(f, engine), [f for f in faults if f.name != DATABASE]))
        return found + [self.cell(fault, engine) for fault in faults if fault.name == DATABASE]

    def cell(self, fault: Fault, engine: Engine) -> dict[str, Any]:
        """A run with its fault, what is told of it, and the run after it was mended."""
        print(f"{self.on}: {fault.told}", file=sys.stderr)
        put(self.folder, fault.name)
        request = self.request(fault)
        native_id, record = self._run(request, engine, away=fault.name == DATABASE)
        found = {
            "fault": fault.name,
            "on": self.on,
            "run_id": request.run_id,
            "status": record.status.value,
            "states": {step.name: step.status.value for step in record.steps},
            "attempts": {step.name: step.attempts for step in record.steps if step.attempts > 1},
            "visible": self._visible(request.partition),
            **(self._told(record, fault) if fault.step else {}),
            "alerts": self._alerts(request.run_id),
        }
        if fault.step and isinstance(engine, ServiceEngine):
            found["native"] = natively.search(engine, native_id, fault.words)
        found["wrong"] = self._wrong(fault, found)
        return {**found, **self._again(fault, engine)}

    def _run(self, request: RunRequest, engine: Engine, *, away: bool) -> tuple[str, RunRecord]:
        keep_request(self.store, self.store.pipeline.name, request, service=self.on != "local")
        if isinstance(engine, ServiceEngine):
            native_id = engine.submit(request)
            if away:
                take_away(home_of(self.root, self.on), AWAY_SECONDS)
            while (native := engine.observe(request, native_id)) is None:
                time.sleep(0.2)
        else:
            (native,) = engine.run([request])
            native_id = request.run_id
        record = collect(self.store.pipeline, self.store, request, native, engine.version)
        return native_id, record

    def _told(self, record: RunRecord, fault: Fault) -> dict[str, Any]:
        """What `why` says, how long it took, and how long after the failure somebody was told."""
        answer, seconds = self.ask("why", record.run_id)
        ended = next((s.ended for s in record.steps if s.name == fault.step and s.ended), None)
        arrived = self._arrived(record.run_id)
        detected = (arrived - datetime.fromisoformat(ended)).total_seconds() if arrived and ended else None
        return {"why": answer, "why_seconds": seconds, "detected": detected}

    def _arrived(self, run_id: str) -> datetime | None:
        """When the first message of a run arrived; it may come a moment after the run's end."""
        deadline = time.monotonic() + _ALERT_SECONDS
        while not self.chat.of(run_id) and time.monotonic() < deadline:
            time.sleep(0.1)
        return min(self.chat.of(run_id), default=None)

    def _alerts(self, run_id: str) -> list[dict[str, Any]]:
        answer, _ = self.ask("alerts", "list", "--all")
        mine = [case for case in answer if any(met["run_id"] == run_id for met in case["occurrences"])]
        return [{name: case["alert"][name] for name in ("severity", "failure", "step", "title")} for case in mine]

    def _visible(self, date: str) -> dict[str, str]:
        entries = {name: self.store.entry(name, date) for name in ALL}
        return {name: entry.reference.digest for name, entry in entries.items() if entry}

    def _wrong(self, fault: Fault, found: dict[str, Any]) -> list[str]:
        """Outputs that are visible and should not be, or that are not what they should be."""
        good = self.reference[DATES[fault.name]]
        ended = {name: found["states"][name] == "success" for name in ALL}
        values = {side: good["values"][f"{side}_evaluation"] for side in ("left", "right")}
        told = {side: value if ended[f"{side}_evaluation"] else None for side, value in values.items()}
        right = {**good["digests"], "report": json_digest(told)}
        as_held = {"orders"} if fault.is_in_source else set()
        known = {name: digest for name, digest in found["visible"].items() if name not in as_held}
        return [name for name, digest in known.items() if not ended[name] or digest != right[name]]

    def _again(self, fault: Fault, engine: Engine) -> dict[str, Any]:
        """What a retry does after the fault was mended."""
        mend(self.folder, fault.name)
        record = launch(self.request(fault), engine)
        made = {step.name: step.output.digest for step in record.steps if step.output}
        return {
            "redone": [step.name for step in record.steps if step.status is Status.SUCCESS and not step.reused],
            "mended": made == self.reference[DATES[fault.name]]["digests"],
        }


def take_away(home: Path, seconds: float) -> None:
    """Holds every SQLite database below a home for itself: nobody else can write to them, as if they were away."""
    held = []
    for path in (*home.rglob("*.db"), *home.rglob("*.sqlite")):
        connection = sqlite3.connect(path, timeout=seconds, isolation_level=None)
        held.append(connection)
        with suppress(sqlite3.DatabaseError):
            connection.execute("BEGIN EXCLUSIVE")
    time.sleep(seconds)
    for connection in held:
        with closing(connection), suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")


def main() -> None:
    """Writes the cells of one orchestrator."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--on", "--base", "--reference", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--only", nargs="*", default=[fault.name for fault in FAULTS])
    args = parser.parse_args()
    reference = json.loads(Path(args.reference).read_text(encoding="utf-8"))
    bench = Bench(Path(args.base), args.on, reference)
    chosen = [fault for fault in FAULTS if fault.name in args.only]
    with engine_for(args.on, bench.root, (PIPELINE,), service=True) as engine:
        found = {"on": args.on, "version": engine.version, "cells": bench.all(chosen, engine)}
    Path(args.out).write_text(json.dumps(found, indent=2, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()

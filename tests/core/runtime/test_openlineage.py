"""OpenLineage events: what they say, where they go, and that a step does not depend on them."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("openlineage.client")

from shipping import SECRET

from counterpoint.model import RunRequest
from counterpoint.redaction import MASK
from counterpoint.runtime import execute, openlineage
from counterpoint.runtime.context import context_of
from counterpoint.runtime.hooks import OWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAYS = ("2026-01-01", "2026-01-02")
Event = dict[str, Any]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of whoever runs the tests, and nothing told yet."""
    for name in (*openlineage.NAMED, openlineage.DISABLED, "OPENLINEAGE_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(openlineage, "_TOLD", [])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the library's file transport writes."""
    return configure(
        tmp_path, monkeypatch, {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
    )


def to_file(tmp_path: Path) -> dict[str, Any]:
    return {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}


def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: dict[str, Any]) -> Path:
    place = tmp_path / "openlineage.yml"
    place.write_text(json.dumps({"transport": transport}))
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(place))
    return tmp_path / "events.jsonl"


def request(root: Path, day: str, run_id: str = "run-1", **config: Any) -> RunRequest:
    return RunRequest("shipping:pipeline", day, run_id, str(root / "data"), config=config)


def two_days(root: Path, **config: Any) -> None:
    for day in DAYS:
        execute(request(root, day, f"run-{day}", **config), "ships")
    execute(request(root, DAYS[1], f"run-{DAYS[1]}", **config), "loads")


def events(file: Path) -> list[Event]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_it_is_one_of_the_hooks() -> None:
    assert "counterpoint.runtime.openlineage:OpenLineage" in OWN


def test_an_attempt_has_a_start_and_an_end_of_one_run_below_that_of_its_pipeline(tmp_path: Path, file: Path) -> None:
    two_days(tmp_path)
    told = events(file)
    named = [(event["eventType"], event["job"]["name"]) for event in told]
    assert named == [("START", "shipping.ships"), ("COMPLETE", "shipping.ships")] * 2 + [
        ("START", "shipping.loads"),
        ("COMPLETE", "shipping.loads"),
    ]
    assert told[0]["run"]["runId"] == told[1]["run"]["runId"] != told[2]["run"]["runId"]
    parents = [event["run"]["facets"]["parent"] for event in told]
    assert parents[2]["run"] == parents[4]["run"] != parents[0]["run"]
    assert {parent["job"]["name"] for parent in parents} == {"shipping"}
    assert told[4]["run"]["facets"]["nominalTime"]["nominalStartTime"].startswith(DAYS[1])
    assert told[4]["run"]["facets"]["processing_engine"]["name"] == "local"


def test_the_end_tells_inputs_outputs_columns_and_checks(tmp_path: Path, file: Path) -> None:
    two_days(tmp_path)
    end = events(file)[-1]
    (read,), (made,) = end["inputs"], end["outputs"]
    assert (read["namespace"], read["name"]) == ("file", f"{tmp_path}/data/tables/production/shipping/ships")
    assert made["name"] == f"{tmp_path}/data/tables/production/shipping/loads"
    assert [(f["name"], f["type"]) for f in made["facets"]["schema"]["fields"]] == [
        ("ship", "String"),
        ("load", "Float64"),
    ]
    assert read["facets"]["version"]["datasetVersion"] == "2"
    lineage = made["facets"]["columnLineage"]["fields"]
    assert {name: [field["field"] for field in about["inputFields"]] for name, about in lineage.items()} == {
        "ship": ["name"],
        "load": ["tons"],  # `elsewhere` is no input
    }
    assert lineage["ship"]["inputFields"][0]["name"] == read["name"]
    quality = made["facets"]["dataQualityMetrics"]
    assert quality["rowCount"] == made["outputFacets"]["outputStatistics"]["rowCount"] == 4
    assert quality["columnMetrics"]["load"] == {"nullCount": 0, "min": 1.5, "max": 2.5, "quantiles": {}}
    (test,) = end["run"]["facets"]["test"]["tests"]
    assert (test["name"], test["status"], test["description"]) == ("contract", "pass", "what each ship carries")
    ships = events(file)[1]["outputs"][0]["facets"]["schema"]["fields"]
    assert ships[0]["description"] == "painted on the bow"


def test_values_of_rows_are_left_out_where_none_are_shown(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", "off")
    two_days(tmp_path)
    load = events(file)[-1]["outputs"][0]["facets"]["dataQualityMetrics"]["columnMetrics"]["load"]
    assert "min" not in load
    assert load["nullCount"] == 0


def sinks(asked: RunRequest, attempt: int = 1) -> None:
    """Fails a step that reads what stands."""
    standing = context_of(asked, "loads").store.entry("loads", DAYS[1])
    assert standing is not None
    with pytest.raises(RuntimeError):
        execute(asked, "sunk", {"loads": standing.reference}, attempt=attempt)


def test_a_failure_is_told_without_secrets(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOINT_SETTING_PASSWORD", json.dumps(SECRET))
    two_days(tmp_path, password=MASK)
    sinks(request(tmp_path, DAYS[1], password=MASK))
    message = events(file)[-1]["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith(f"RuntimeError: 4 ships sank; {MASK}")
    assert SECRET not in file.read_text()


def test_a_failure_names_the_error_and_each_attempt_is_a_run(tmp_path: Path, file: Path) -> None:
    two_days(tmp_path)
    for attempt in (1, 2):
        sinks(request(tmp_path, DAYS[1]), attempt)
    failed = [event for event in events(file) if event["eventType"] == "FAIL"]
    assert len({event["run"]["runId"] for event in failed}) == 2
    assert failed[0]["run"]["facets"]["errorMessage"]["message"].startswith("RuntimeError: 4 ships sank")
    assert [dataset["name"].rpartition("/")[2] for dataset in failed[0]["inputs"]] == ["loads"]
    assert failed[0]["outputs"] == []


@pytest.fixture
def server() -> Iterator[tuple[str, list[Event]]]:
    received: list[Event] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", received
        listening.shutdown()


def test_events_go_to_a_server_by_its_url(
    tmp_path: Path, server: tuple[str, list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, received = server
    configure(tmp_path, monkeypatch, {"type": "http", "url": url})
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "team")
    execute(request(tmp_path, DAYS[0]), "ships")
    assert [event["eventType"] for event in received] == ["START", "COMPLETE"]
    assert {event["job"]["namespace"] for event in received} == {"team"}


def test_a_server_that_is_not_there_does_not_fail_a_step_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    configure(tmp_path, monkeypatch, {"type": "http", "url": "http://127.0.0.1:1", "retry": {"total": 0}})
    with caplog.at_level(logging.WARNING, "counterpoint"):
        two_days(tmp_path)
    told = [record for record in caplog.records if "OpenLineage events are not delivered" in record.getMessage()]
    assert len(told) == 1


@pytest.mark.parametrize("variable", [None, "OPENLINEAGE_DISABLED"])
def test_nothing_is_sent_without_configuration_or_where_it_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        configure(
            tmp_path, monkeypatch, {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
        )
        monkeypatch.setenv(variable, "true")
    execute(request(tmp_path, DAYS[0]), "ships")
    assert not (tmp_path / "events.jsonl").exists()


def test_a_missing_library_is_told_with_the_command_that_installs_it(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openlineage, "find_spec", lambda _: None)
    execute(request(tmp_path, DAYS[0]), "ships")
    assert "pip install 'counterpoint[openlineage]'" in caplog.text
    assert not file.exists()

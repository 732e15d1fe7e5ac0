"""The same OpenLineage events from every orchestrator, in its own process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("openlineage.client")

from counterpoint.adapter import find_adapter, find_adapters
from counterpoint.lineage import find_lineage
from counterpoint.model import RunRequest
from counterpoint.services import ProcessEngine
from counterpoint.services.launch import launch
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]


def test_a_run_leaves_events_and_lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "linear")
    file, config = tmp_path / "events.jsonl", tmp_path / "openlineage.yml"
    config.write_text(json.dumps({"transport": {"type": "file", "log_file_path": str(file), "append": True}}))
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))
    request = RunRequest(scenario.reference, scenario.partition, "linear-run", str(tmp_path / "data"), ORCHESTRATOR)
    record = launch(request, ProcessEngine(find_adapter(ORCHESTRATOR)))
    events: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    told = {(event["job"]["name"].rpartition(".")[2], event["eventType"]) for event in events}
    assert told == {(step.name, state) for step in record.steps for state in ("START", "COMPLETE")}
    assert {event["run"]["facets"]["processing_engine"]["name"] for event in events} == {ORCHESTRATOR}
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in events}) == 1
    lineage = find_lineage(request.root, request.run_id)
    assert set(lineage["made_from"]) == set(lineage["outputs"]) == {step.name for step in record.steps}
    assert "counterpoint" in lineage["reach"]["linear_mean"]["versions"]
    assert lineage["orchestrator"] == ORCHESTRATOR

"""The lineage of a run: all that its figures rest on, without secrets, as JSON."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from workshop import AFTER, BEFORE, CONFIG, DAY, PIPELINE, SECRET, Workshop, days_of_events

from counterpoint.lineage import PipelineRunMetadata, gather, keep
from counterpoint.model import Status, StepRecord, code_digest, code_of
from counterpoint.redaction import redacted_values
from counterpoint.storage import json_digest

SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "lineage.schema.json"


@pytest.fixture
def gathered(workshop: Workshop) -> PipelineRunMetadata:
    days_of_events(workshop)
    workshop.trained()
    return gather(workshop.store, PIPELINE, workshop.request())


def test_it_survives_json(gathered: PipelineRunMetadata) -> None:
    complete = replace(gathered, mlflow_runs={"m": "0" * 32}, registry_versions={"m": 3})
    assert PipelineRunMetadata(**json.loads(json.dumps(complete.to_dict()))) == complete
    assert set(complete.to_dict()) == {field.name for field in fields(PipelineRunMetadata)}


def test_it_keeps_the_published_schema(gathered: PipelineRunMetadata) -> None:
    jsonschema.validate(gathered.to_dict(), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_it_names_the_run(gathered: PipelineRunMetadata) -> None:
    named = (gathered.run_id, gathered.pipeline, gathered.partition, gathered.version, gathered.orchestrator)
    assert named == ("run-1", "workshop:PIPELINE", DAY, "production", "local")
    assert gathered.orchestrator_version == version("counterpoint")


def test_every_input_has_its_digest_delta_version_and_place(workshop: Workshop) -> None:
    kept = days_of_events(workshop)
    found = gather(workshop.store, PIPELINE, workshop.request())
    assert list(found.inputs["events"]) == [BEFORE, DAY]
    reference = kept[BEFORE]
    assert found.inputs["events"][BEFORE] == {
        "digest": reference.digest,
        "table_version": reference.table_version,
        "rows": 3,
        "uri": reference.uri,
        "fingerprint": json_digest(BEFORE),
        "run_id": f"run of {BEFORE}",
    }


def test_every_output_that_stands_is_there_and_no_other(gathered: PipelineRunMetadata, workshop: Workshop) -> None:
    assert set(gathered.outputs) == {"events", "features", "trained"}
    assert gathered.outputs["trained"]["digest"] == workshop.trained().digest
    assert gather(workshop.store, PIPELINE, workshop.request(AFTER)).outputs == {}


def test_code_contracts_and_configuration_are_digested(gathered: PipelineRunMetadata) -> None:
    assert gathered.code == {step.name: code_of(step) for step in PIPELINE.steps}
    assert gathered.contracts == {"events": code_digest("workshop:made")}
    assert gathered.configuration_hash == json_digest(CONFIG)
    assert gathered.configuration["training"]["layers"] == [8, 4]


def test_the_environment_is_told(gathered: PipelineRunMetadata) -> None:
    told = gathered.environment
    assert (told["python"], told["processor"], told["device"]) == (platform.python_version(), platform.machine(), "cpu")
    assert {name: gathered.packages[name] for name in ("polars", "deltalake")} == {
        name: version(name) for name in ("polars", "deltalake")
    }


def test_the_commit_is_that_of_the_code_and_not_of_the_folder_one_is_in(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = gather(workshop.store, PIPELINE, workshop.request()).git
    monkeypatch.chdir(tmp_path)
    assert gather(workshop.store, PIPELINE, workshop.request()).git["commit"] == here["commit"]


def test_no_secret_of_configuration_or_environment_is_stored(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    found = gather(workshop.store, PIPELINE, workshop.request())
    uri = keep(workshop.store, PIPELINE, workshop.request(), found)
    stored = Path(uri).read_text(encoding="utf-8")
    assert SECRET in json.dumps(CONFIG)
    assert SECRET not in stored
    assert json.loads(stored) == asdict(found)


def test_the_devices_that_steps_computed_on_are_those_of_their_records(workshop: Workshop) -> None:
    workshop.trained()
    used = {"kind": "cuda", "names": ["H100"], "count": 1, "available": {"cuda": ["H100", "A10"]}}
    record = StepRecord("trained", Status.SUCCESS, details={"device": used})
    workshop.store.put_json(f"runs/workshop/run of {DAY}/trained.json", record.to_dict())
    told = gather(workshop.store, PIPELINE, workshop.request()).environment
    assert (told["device"], told["devices"]) == ("cuda", {"trained": used})


@pytest.mark.parametrize(
    "name", ["password", "PASSWD", "passphrase", "db_pwd", "client_secret", "apiKey", "api-key", "access_key", "token"]
)
@pytest.mark.parametrize("value", [SECRET, [SECRET], {"a": [SECRET]}, 7, None])
def test_what_is_called_a_secret_is_not_told(name: str, value: Any) -> None:
    assert SECRET not in json.dumps(redacted_values({"a": [{name: value, "b": 1}]}))
    assert redacted_values({"a": [{name: value, "b": 1}]})["a"][0]["b"] == 1
    assert redacted_values({name: 7})[name] == "***"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"https://user:{SECRET}@h/p", "https://user:***@h/p"),
        (f"postgresql://user:p@{SECRET}@h:5/p", "postgresql://user:***@h:5/p"),
        (f"s3://{SECRET}@bucket/p", "s3://***@bucket/p"),
        (f"https://h/p?a=1&api_key={SECRET}&b=2", "https://h/p?a=1&api_key=***&b=2"),
        (f"https://h/p?X-Amz-Signature={SECRET}", "https://h/p?X-Amz-Signature=***"),
        ("https://h/p@v1", "https://h/p@v1"),
        ("a@example.org", "a@example.org"),
    ],
)
def test_addresses_are_told_without_password_and_secret_parameters(address: str, told: str) -> None:
    assert redacted_values({"source": [address]}) == {"source": [told]}


def test_other_settings_are_told_as_they_are() -> None:
    plain = {"rate": 0.1, "on": True, "none": None, "layers": [8, [4]], "gate": {"ndcg@20": 0.3}, "keys": ["user_id"]}
    assert redacted_values(plain) == plain

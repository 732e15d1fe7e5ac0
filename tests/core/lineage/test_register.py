"""Registering: once per content, with all that is known of a model, whatever happened to an earlier attempt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file
from workshop import AFTER, BEFORE, DAY, NAME, SECRET, Workshop, days_of_events


def runs(workshop: Workshop) -> list[Any]:
    experiment = workshop.client.get_experiment_by_name("workshop")
    assert experiment is not None
    return list(workshop.client.search_runs([experiment.experiment_id]))


def source_of_first(workshop: Workshop) -> Path:
    """Where the files of version 1 lie."""
    return Path(str(workshop.client.get_model_version(NAME, "1").source).removeprefix("file://"))


def test_what_is_registered_is_told_for_the_record_of_the_step(workshop: Workshop) -> None:
    told = workshop.register()
    (run,) = runs(workshop)
    assert told["mlflow_runs"] == {NAME: run.info.run_id}
    assert told["registry_versions"] == {NAME: 1}
    assert told["lineage"] == workshop.store.uri("runs/workshop/run-1/lineage.json")


def test_the_run_in_mlflow_has_metrics_settings_and_tags(workshop: Workshop) -> None:
    workshop.register()
    (run,) = runs(workshop)
    assert run.data.metrics == {"recall_at_20": 0.1, "baseline_recall_at_20": 0.05}
    assert run.data.params["training.rate"] == "0.1"
    tags = {name: run.data.tags[f"counterpoint.{name}"] for name in ("partition", "stage", "digest", "run_id")}
    assert tags == {
        "partition": DAY,
        "stage": "production",
        "digest": workshop.trained().digest,
        "run_id": "run-1",
    }
    assert run.info.status == "FINISHED"


def test_no_secret_reaches_mlflow_or_the_store(workshop: Workshop) -> None:
    workshop.register()
    (run,) = runs(workshop)
    assert {run.data.params[name] for name in ("training.api_key",)} == {"***"}
    files = [path for path in Path(workshop.root).rglob("*") if path.is_file()]
    assert any(path.name == "mlflow.db" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_the_version_in_the_registry_holds_the_models_own_files(workshop: Workshop) -> None:
    workshop.register(7)
    source = source_of_first(workshop)
    assert np.array_equal(load_file(source / "weights.safetensors")["w"], np.full(4, 7, np.float32))
    assert {path.name for path in source.iterdir()} == {"weights.safetensors", "model.json", "MLmodel"}


def test_the_lineage_lies_with_the_run_beside_the_model_and_in_mlflow(workshop: Workshop) -> None:
    days_of_events(workshop)
    told = workshop.register()
    model = workshop.trained().uri
    (run,) = runs(workshop)
    artifacts = run.info.artifact_uri.removeprefix("file://")
    stored = [json.loads(Path(place).read_text()) for place in (told["lineage"], f"{model}/lineage.json")]
    stored.append(json.loads(Path(artifacts, "lineage.json").read_text()))
    assert stored[0] == stored[1] == stored[2]
    assert stored[0]["registry_versions"] == {NAME: 1}
    assert stored[0]["mlflow_runs"] == {NAME: run.info.run_id}
    assert list(stored[0]["inputs"]["events"]) == [BEFORE, DAY]


def test_the_same_model_again_changes_nothing(workshop: Workshop) -> None:
    first = workshop.register()
    again = workshop.register(run_id="run-2")
    assert again["registry_versions"] == first["registry_versions"]
    assert again["mlflow_runs"] == first["mlflow_runs"]
    assert (workshop.versions(), len(runs(workshop)), workshop.aliases()) == ({1: DAY}, 1, {"champion": 1})


def test_another_content_or_another_day_is_another_version(workshop: Workshop) -> None:
    for number, day in ((1, DAY), (2, DAY), (2, AFTER)):
        workshop.register(number, day)
    assert workshop.versions() == {1: DAY, 2: DAY, 3: AFTER}


def test_what_is_held_back_is_logged_and_not_registered(workshop: Workshop) -> None:
    told = workshop.register(stage="hold")
    assert (told["registry_versions"], list(told["mlflow_runs"])) == ({}, [NAME])
    assert workshop.client.search_registered_models() == []
    assert runs(workshop)[0].data.tags["counterpoint.stage"] == "hold"


@pytest.mark.parametrize(
    "call", ["log_batch", "log_artifacts", "set_terminated", "create_model_version", "set_registered_model_alias"]
)
def test_an_attempt_after_one_that_broke_off_ends_as_one_clean_attempt(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def break_off(*_: Any, **__: Any) -> None:
        raise ConnectionError("the wire was cut")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, break_off)
        with pytest.raises(ConnectionError):
            workshop.register()
    told = workshop.register()
    assert (told["registry_versions"], workshop.versions(), workshop.aliases()) == (
        {NAME: 1},
        {1: DAY},
        {"champion": 1},
    )
    source = source_of_first(workshop)
    assert (source / "weights.safetensors").stat().st_size > 0
    assert [run.info.run_id for run in runs(workshop) if run.info.status == "FINISHED"] == [told["mlflow_runs"][NAME]]


def test_a_decision_about_a_model_that_was_not_trained_is_left_out(workshop: Workshop) -> None:
    from workshop import PIPELINE

    from counterpoint.lineage import register
    from counterpoint.model import Decision

    decision = Decision(NAME, "trained", "hold", "its training failed", {})
    told = register(workshop.store, PIPELINE, workshop.request(), [decision], {"trained": None})
    assert (told["mlflow_runs"], told["registry_versions"]) == ({}, {})


def test_the_registry_of_a_copied_root_is_its_own(workshop: Workshop, tmp_path: Path) -> None:
    workshop.register(1)
    copy = Workshop(str(tmp_path / "copy"))
    shutil.copytree(workshop.root, copy.root)
    before = {path: path.read_bytes() for path in Path(workshop.root).rglob("*") if path.is_file()}
    assert source_of_first(copy).is_relative_to(copy.root)
    copy.register(2, AFTER)
    assert [run.info.artifact_uri.startswith(f"file://{copy.root}/") for run in runs(copy)] == [True, True]
    assert {path: path.read_bytes() for path in Path(workshop.root).rglob("*") if path.is_file()} == before
    shutil.rmtree(workshop.root)
    copy.register(3, "2026-01-05")
    assert copy.versions() == {1: DAY, 2: AFTER, 3: "2026-01-05"}

"""A built DAG file makes the tasks that `translate` makes, for every scenario."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.build import Build, Project, rendered
from counterpoint.model import Configuration, Secret
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.structure import structure_of
from counterpoint.testing import SCENARIOS
from counterpoint_airflow import ADAPTER
from counterpoint_airflow.keys import ELEMENTS, GATES, WATCHER
from counterpoint_airflow.translate import translate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.airflow
NAMES = sorted({scenario.reference for scenario in SCENARIOS})
NATIVE = ("pool", "trigger_rule", "retries", "retry_delay", "max_retry_delay", "execution_timeout", "doc_md")
ASSETS = ("inlets", "outlets")
CONFIGURATION = Configuration("prod", "s3://bucket/lake", None, {}, {"token": "env:TOKEN"}, {})


def build_of(name: str) -> Build:
    project = Project("orchard", "1.4.0", "orchard.pipeline", "pipeline", ("polars==1.0",), "3.12")
    return Build(find_pipeline(name), name, CONFIGURATION, project, "orchard:1.4.0", "counterpoint build")


def properties(dag: Any, task: str) -> dict[str, Any]:
    native = dag.get_task(task)
    told = {name: getattr(native, name, None) for name in (*NATIVE, *ASSETS)}
    policy = getattr(native, "retry_policy", None)
    return {**told, "upstream": native.upstream_task_ids, "retry_policy": policy.serialize() if policy else None}


@pytest.mark.parametrize("name", NAMES)
def test_its_tasks_are_those_of_the_served_dag(name: str, tmp_path: Path) -> None:
    build = build_of(name)
    files = rendered(ADAPTER, build)
    file = tmp_path / "dag.py"
    file.write_text(files[f"dags/{build.pipeline.name}.py"], encoding="utf-8")
    dag, served = runpy.run_path(str(file))["dag"], translate(build.pipeline, served=name)
    assert set(dag.task_ids) == set(served.task_ids)
    for task in dag.task_ids:
        assert properties(dag, task) == properties(served, task), task
    assert (dag.dag_id, dag.description, dag.start_date, dag.catchup, dag.max_active_runs) == (
        served.dag_id,
        served.description,
        served.start_date,
        served.catchup,
        served.max_active_runs,
    )
    assert dag.params.dump() == served.params.dump()
    for task in dag.task_ids:
        if task.endswith((ELEMENTS, WATCHER, *GATES)):
            continue
        native = dag.get_task(task)
        arguments = getattr(native, "partial_kwargs", {}).get("op_kwargs") or native.op_kwargs
        bound = json.loads(arguments["deployed"])
        assert bound["structure"] == structure_of(build.pipeline)
        assert Configuration.from_json(json.dumps(bound["configuration"])) == CONFIGURATION


def test_what_a_template_would_replace_reaches_the_worker_as_it_is() -> None:
    from counterpoint_airflow.binding import bound

    settings = {"query": "{{ ds }} {% if x %} {# no #}", "nested": {"a": {"b": {}}}}
    text = bound({"settings": settings}, "0" * 16)
    assert not any(start in text for start in ("{{", "{%", "{#"))
    assert json.loads(text)["configuration"]["settings"] == settings


def test_the_same_build_gives_the_same_files() -> None:
    assert rendered(ADAPTER, build_of("streamrec")) == rendered(ADAPTER, build_of("streamrec"))


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("registry:5000/team/farm:1.2", "registry:5000/team/farm", "1.2"),
        ("registry:5000/farm", "registry:5000/farm", "latest"),
        ("farm", "farm", "latest"),
    ],
)
def test_the_values_are_those_of_the_chart(image: str, repository: str, tag: str) -> None:
    import yaml

    first, *others = find_pipeline("counterpoint.testing.scenarios:all_done_trigger").steps
    build = build_of("counterpoint.testing.scenarios:all_done_trigger")
    steps = (replace(first, secrets=(Secret("token"),)), *others)
    build = replace(build, image=image, pipeline=replace(build.pipeline, steps=steps))
    values = yaml.safe_load(rendered(ADAPTER, build)["values.yaml"])
    assert values["images"]["airflow"] == {"repository": repository, "tag": tag}
    assert values["secret"] == [{"envName": "TOKEN", "secretName": "all-done-trigger", "secretKey": "TOKEN"}]

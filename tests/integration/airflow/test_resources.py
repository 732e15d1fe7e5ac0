"""What a step says that it needs, as Airflow's own properties: pods, owners, tags; and read back from there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.model import Resources
from counterpoint.testing.needs import resources

CONTAINER = {
    "name": "base",
    "image": "example.org/steps:1",
    "resources": {"requests": {"cpu": "1"}},
}


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Airflow makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        from counterpoint_airflow import ADAPTER

        yield ADAPTER.translate(resources)


def read_back(native: Any) -> Any:
    from counterpoint_airflow import ADAPTER

    return ADAPTER.read_back(native)


def test_owners_and_tags_are_native(dag: Any) -> None:
    assert dag.tags == {"counterpoint", "tier:gold"}
    owners = {task.task_id: task.owner for task in dag.tasks if task.task_id in resources.step_names}
    assert owners == {step.name: step.owner for step in resources.steps}


@pytest.mark.skipif(find_spec("kubernetes") is not None, reason="with the client of Kubernetes it is an object of it")
def test_without_the_client_of_kubernetes_the_pod_is_a_mapping_that_no_executor_passes_over(dag: Any) -> None:
    config = dag.get_task("resources_threads").executor_config
    assert config == {"pod_override": {"spec": {"containers": [CONTAINER]}}}
    assert dag.get_task("resources_none").executor_config == {}


@pytest.mark.skipif(find_spec("kubernetes") is None, reason="needs the client of Kubernetes")
def test_with_the_client_of_kubernetes_the_pod_is_its_object(dag: Any) -> None:
    from kubernetes import client

    pod = dag.get_task("resources_hopeless").executor_config["pod_override"]
    assert isinstance(pod, client.V1Pod)
    requirements = pod.spec.containers[0].resources
    assert requirements.requests == {"cpu": "0.5", "memory": "256Mi"}
    assert requirements.limits == {"memory": "256Mi", "nvidia.com/gpu": "1"}
    variables = dag.get_task("resources_variable").executor_config["pod_override"].spec.containers[0].env
    assert [(each.name, each.value) for each in variables] == [("COUNTED_BY", "hand")]


def test_the_scheduler_keeps_the_pod_as_it_is(dag: Any) -> None:
    from airflow.serialization.serialized_objects import BaseSerialization, DagSerialization

    assert DagSerialization.to_dict(dag)
    pod = dag.get_task("resources_threads").executor_config["pod_override"]
    assert BaseSerialization.deserialize(BaseSerialization.serialize(pod)) == pod


def test_what_changes_natively_is_read_back(dag: Any) -> None:
    assert read_back(dag) == resources
    threads, hopeless = dag.get_task("resources_threads"), dag.get_task("resources_hopeless")
    kept = threads.executor_config, hopeless.executor_config, threads.owner
    try:
        threads.executor_config, threads.owner = hopeless.executor_config, "team:ops"
        hopeless.executor_config = {}
        changed = read_back(dag)
    finally:
        threads.executor_config, hopeless.executor_config, threads.owner = kept
    assert changed.step("resources_threads").resources == Resources(0.5, "256Mi", 1)
    assert (changed.step("resources_threads").image, changed.step("resources_threads").owner) == (None, "team:ops")
    assert changed.step("resources_hopeless").resources is None

"""The container of a step in Airflow's terms, a pod that the Kubernetes executors merge into their own, and back."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from counterpoint.model.containers import container_of, with_container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Step

_POD = "pod_override"
# so Airflow calls the container that a task runs in
_CONTAINER = "base"


def executor_config(step: Step) -> dict[str, Any]:
    """The pod of a step; nothing of a step that says nothing of its container.

    Without the client of Kubernetes it is a plain mapping of the same form: executors that use no pods pass over it,
    and one that does refuses it, so that it is never ignored where it counts.
    """
    container = container_of(step)
    return pod(**container) if container else {}


def pod(**container: Any) -> dict[str, Any]:
    """The pod of a task whose container has that image, environment and resources, in the terms of Kubernetes."""
    container = {**container, "name": _CONTAINER}
    return {_POD: _pod(container) if find_spec("kubernetes") else {"spec": {"containers": [container]}}}


def _pod(container: dict[str, Any]) -> Any:
    from kubernetes import client

    made = client.V1Container(
        name=container["name"],
        image=container.get("image"),
        env=[client.V1EnvVar(**variable) for variable in container.get("env", ())] or None,
        resources=client.V1ResourceRequirements(**container["resources"]) if "resources" in container else None,
    )
    return client.V1Pod(spec=client.V1PodSpec(containers=[made]))


def with_pod(step: Step, config: Mapping[str, Any] | None) -> Step:
    """The step with what the pod of its task says."""
    pod: Any = (config or {}).get(_POD) or {"spec": {"containers": []}}
    values = pod if isinstance(pod, dict) else pod.to_dict()
    own = [container for container in values["spec"]["containers"] if container["name"] == _CONTAINER]
    return with_container(step, own[0] if own else {})

"""What a step says of its container, in the form of Kubernetes, and back.

The form is that of a container of a pod: `image`, `env`, and `resources` with `requests` and `limits`. CPUs are
requested and not limited, for a step starts no more threads than it has CPUs; memory is both, and GPUs are limits, as
Kubernetes wants them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.model.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model.steps import Step

_GPU = "nvidia.com/gpu"


def container_of(step: Step) -> dict[str, Any]:
    """The image, the variables and the resources of a step's container; nothing of what the step does not say."""
    container: dict[str, Any] = {"image": step.image} if step.image else {}
    if step.env:
        container["env"] = [{"name": name, "value": value} for name, value in step.env.items()]
    if step.resources:
        container["resources"] = _requirements(step.resources)
    return container


def _requirements(resources: Resources) -> dict[str, dict[str, str]]:
    memory = {"memory": str(resources.memory)} if resources.memory else {}
    requests = {**({"cpu": resources.cpu_quantity} if resources.cpu_quantity else {}), **memory}
    limits = {**memory, **({_GPU: str(resources.gpu)} if resources.gpu else {})}
    return {name: values for name, values in (("requests", requests), ("limits", limits)) if values}


def with_container(step: Step, container: Mapping[str, Any]) -> Step:
    """The step with the image, the variables and the resources that a container has."""
    named = {variable["name"]: variable.get("value") for variable in container.get("env") or ()}
    variables = {name: value for name, value in named.items() if value is not None}  # else it is one of the cluster's
    return replace(
        step,
        image=container.get("image"),
        env=variables,
        resources=_resources(container.get("resources") or {}),
    )


def _resources(requirements: Mapping[str, Any]) -> Resources | None:
    requests, limits = requirements.get("requests") or {}, requirements.get("limits") or {}
    cpu, memory = requests.get("cpu"), limits.get("memory") or requests.get("memory")
    gpu = int(limits.get(_GPU) or 0)
    return Resources(cpu, memory, gpu) if cpu or memory or gpu else None

"""`prefect.yaml` of a pipeline, for a process work pool and for one of containers, and its automations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.build.rendering import DOCKERFILE, commented, required
from counterpoint_prefect.containers import job_variables
from counterpoint_prefect.deadlines import deadline_automation
from counterpoint_prefect.flow_file import flow_name
from counterpoint_prefect.keys import DEPLOYMENT, STRUCTURE
from counterpoint_prefect.policies import labels, schedule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from counterpoint.build.order import Build

PROCESS, CONTAINER, AUTOMATIONS = "prefect.yaml", "prefect.container.yaml", "automations.yaml"
_SHELL = "prefect.deployments.steps.run_shell_script"
_DIRECTORY = "prefect.deployments.steps.set_working_directory"


def flow_path(build: Build) -> str:
    """The flow file; its name is no package's, because Prefect imports the file by its name."""
    return f"{build.pipeline.name}_flow.py"


def deployment_name(build: Build) -> str:
    """The name of the deployment: that of the environment, so that one server can have several."""
    return build.configuration.env or DEPLOYMENT


def image_folder(build: Build) -> str:
    """The folder of the flow file in the image, below the working folder of Prefect's own image."""
    return build.pipeline.name


def process_file(build: Build) -> str:
    """`prefect.yaml` for a process work pool."""
    about = [
        "A stock process worker runs the flow from this folder, which 'prefect deploy' keeps as the place to pull."
    ]
    return _document(build, about, {**_head(build), "deployments": [deployed(build)]})


def container_file(build: Build) -> str:
    """The same deployment for a work pool of containers: Docker, Kubernetes, or another one with a variable `image`."""
    variables = ", ".join(required(build)["variables"])
    needed = f"The job template of the work pool must give the containers the variables {variables}."
    about = [f"Deploys by the image that {DOCKERFILE} makes.", *([needed] if variables else [])]
    steps = {
        "build": [{_SHELL: {"id": "build-image", "script": f"docker build --tag {build.image} ."}}],
        "push": [{_SHELL: {"id": "push-image", "script": f"docker push {build.image}"}}],
        "pull": [{_DIRECTORY: {"directory": image_folder(build)}}],
    }
    deployment = deployed(build, {"image": build.image, **job_variables(build.pipeline)})
    return _document(build, about, {**_head(build), **steps, "deployments": [deployment]})


def automations_file(build: Build) -> str | None:
    """The automation that shows runs that do not complete by the pipeline's deadline; None without a deadline."""
    arguments = deadline_of(build)
    if arguments is None:
        return None
    automation = deadline_automation(*arguments)
    # sets have no order of their own
    values = _ordered(automation.model_dump(mode="json", exclude_unset=True))
    values["trigger"] = {"type": "event", **values["trigger"]}
    values["actions"] = [{"type": action.type} for action in automation.actions]
    return _document(build, ["Add the actions that tell you of a late run."], {"automations": [values]})


def deadline_of(build: Build) -> tuple[str, timedelta, list[dict[str, str]]] | None:
    """The arguments of the automation of a pipeline's deadline; None without a deadline."""
    pipeline, name = build.pipeline, deployment_name(build)
    if not (pipeline.deadline and pipeline.schedule):
        return None
    related = [
        {"prefect.resource.role": "flow", "prefect.resource.name": pipeline.name},
        {"prefect.resource.role": "deployment", "prefect.resource.name": name},
    ]
    return f"{pipeline.name}/{name}", pipeline.deadline, related


def _head(build: Build) -> dict[str, Any]:
    return {"name": build.pipeline.name}


def deployed(build: Build, job_variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The deployment of a pipeline, as `prefect.yaml` has it."""
    env, pipeline, schedule = build.configuration.env, build.pipeline, schedule_of(build.pipeline)
    return {
        "name": deployment_name(build),
        "version": build.project.version,
        "tags": [
            "counterpoint",
            *([f"env:{env}"] if env else []),
            f"{STRUCTURE}{build.structure}",
            *sorted(labels(pipeline.owner, pipeline.tags)),
        ],
        "entrypoint": f"{flow_path(build)}:{flow_name(build.pipeline)}",
        "schedules": [{**schedule, "active": True}] if schedule else [],
        "work_pool": {"name": work_pool(build), "job_variables": dict(job_variables or {})},
    }


def work_pool(build: Build) -> str:
    """The work pool of a project's deployments: its workers have the project installed."""
    return build.project.name


def _document(build: Build, about: Iterable[str], values: dict[str, Any]) -> str:
    return "\n".join([*commented([*build.header, *about]), *_yaml(values, 0), ""])


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(item) for name, item in value.items()}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _yaml(value: dict[str, Any] | list[Any], indent: int) -> Iterator[str]:
    """A non-empty value as the lines of a YAML block; scalars as JSON, which YAML takes as it is."""
    pad = " " * indent
    if isinstance(value, list):
        for item in value:
            first, *rest = _yaml(item, indent + 2) if isinstance(item, dict) else [json.dumps(item, ensure_ascii=False)]
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        return
    for name, item in value.items():
        if isinstance(item, dict | list) and item:
            yield f"{pad}{name}:"
            yield from _yaml(item, indent + 2)
        else:
            yield f"{pad}{name}: {json.dumps(item, ensure_ascii=False)}"

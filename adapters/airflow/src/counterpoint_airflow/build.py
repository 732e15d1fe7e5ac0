"""The files for an Airflow that a team already has: a DAG file, pools, and values for the official Helm chart."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from counterpoint.build.order import NativeFiles
from counterpoint.build.rendering import REQUIRED, REQUIREMENTS, commented, required
from counterpoint_airflow.dag_file import dag_file
from counterpoint_airflow.keys import MADE

if TYPE_CHECKING:
    from counterpoint.build.order import Build
    from counterpoint.model import Pipeline

_POOLS, _VALUES = "pools.json", "values.yaml"


def build(build: Build) -> NativeFiles:
    """The DAG file, the pools and the values of a pipeline."""
    pipeline, name = build.pipeline, f"dags/{build.pipeline.name}.py"
    release = version("apache-airflow")
    files = {name: dag_file(build), _VALUES: _values(build, release)}
    if pipeline.pools:
        files[_POOLS] = _pools(pipeline)
    return NativeFiles(
        files=files,
        base_image=f"apache/airflow:{release}-python{sys.version_info.major}.{sys.version_info.minor}",
        copied=[f"{name} dags/"],
        steps=_steps(build, name),
    )


def _steps(build: Build, name: str) -> list[str]:
    """What a person does with the files, in this order."""
    pools = "Create the pools first, for a task in a missing pool never starts: `airflow pools import {}`."
    chart = f"helm upgrade --reuse-values --values {_VALUES}"
    pip = f"pip install --requirement {REQUIREMENTS}"
    return [
        f"Build the wheel of your project into this folder, then the image: `docker build --tag {build.image} .`",
        f"Without containers: `{pip}` and the wheel, on every component of Airflow.",
        *([pools.format(_POOLS)] if build.pipeline.pools else []),
        f"Make sure that the workers have the variables and secrets of `{REQUIRED}`.",
        f"Copy `{name}` into your DAG folder or bundle, or deploy the image with the official chart: `{chart}`.",
        f"Unpause the DAG `{build.pipeline.name}`. A manual run takes a partition key or a logical date.",
    ]


def _pools(pipeline: Pipeline) -> str:
    pools = {
        pool.name: {"slots": pool.slots, "description": f"{MADE} {pipeline.name}", "include_deferred": False}
        for pool in pipeline.pools
    }
    return json.dumps(pools, indent=2) + "\n"


def _values(build: Build, release: str) -> str:
    repository, tag = build.repository_and_tag
    lines = [
        *commented(build.header),
        f"airflowVersion: {json.dumps(release)}",
        "images:",
        "  airflow:",
        f"    repository: {json.dumps(repository)}",
        f"    tag: {json.dumps(tag)}",
        *_secrets(build),
        "",
    ]
    return "\n".join(lines)


def _secrets(build: Build) -> list[str]:
    """The variables of secrets: each is a key of the Kubernetes Secret that is named like the pipeline."""
    variables = required(build)["variables"]
    if not variables:
        return []
    secret = build.kubernetes_name
    lines = [f"# the Kubernetes Secret {secret} must hold these keys", "secret:"]
    for name in variables:
        lines += [
            f"  - envName: {json.dumps(name)}",
            f"    secretName: {json.dumps(secret)}",
            f"    secretKey: {json.dumps(name)}",
        ]
    return lines

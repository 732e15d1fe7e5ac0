"""The files for a Dagster that a team already has: definitions, a workspace, and values for the official Helm chart."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from counterpoint.build.order import NativeFiles
from counterpoint.build.rendering import REQUIRED, REQUIREMENTS, commented, required
from counterpoint_dagster.definitions_file import binding_of, definitions_file

if TYPE_CHECKING:
    from counterpoint.build.order import Build

DEFINITIONS, WORKSPACE, VALUES, COMPONENT = "definitions.py", "workspace.yaml", "values.yaml", "component/defs.yaml"
_FOLDER = "/app"
_PORT = 3030


def build(build: Build) -> NativeFiles:
    """The definitions of a pipeline, the same as a component, the workspace and the values."""
    return NativeFiles(
        files={
            DEFINITIONS: definitions_file(build),
            WORKSPACE: _workspace(build),
            VALUES: _values(build),
            COMPONENT: _component(build),
        },
        base_image=f"python:{build.project.python}-slim",
        copied=[f"{DEFINITIONS} {_FOLDER}/"],
        steps=_steps(build),
    )


def _steps(build: Build) -> list[str]:
    """What a person does with the files, in this order."""
    name, pools = build.pipeline.name, build.pipeline.pools
    limits = ", ".join(f"`dagster instance concurrency set {pool.name} {pool.slots}`" for pool in pools)
    chart = f"helm upgrade --reuse-values --values {VALUES}"
    place = (
        f"Add `{WORKSPACE}` to your workspace (alone: `dagster dev -w {WORKSPACE}`), or deploy the image with the chart"
        f" `dagster-user-deployments`: `{chart}`; the image then needs `dagster-k8s` and your instance's storage, too."
    )
    fresh = "Set `freshness: {enabled: true}` in `dagster.yaml`: without it, no freshness is checked."
    has_freshness = any(step.freshness for step in build.pipeline.steps)
    return [
        f"Build the wheel of your project into this folder, then the image: `docker build --tag {build.image} .`",
        f"Without containers: `pip install --requirement {REQUIREMENTS}` and the wheel, where the code location runs.",
        *([f"Set the limits of the pools, for a pool without one limits nothing: {limits}."] if pools else []),
        *([fresh] if has_freshness else []),
        f"Make sure that the code location and its runs have the variables and secrets of `{REQUIRED}`.",
        place,
        f"In a project of `dg`, `{COMPONENT}` makes the same assets: copy its folder below `defs`.",
        *([f"Start the schedule `{name}_schedule`."] if build.pipeline.schedule else []),
    ]


def _workspace(build: Build) -> str:
    lines = [
        *commented(build.header),
        "load_from:",
        "  - python_file:",
        f"      relative_path: {DEFINITIONS}",
        f"      location_name: {json.dumps(build.pipeline.name)}",
        "",
    ]
    return "\n".join(lines)


def _values(build: Build) -> str:
    repository, tag = build.repository_and_tag
    name = json.dumps(build.kubernetes_name)
    lines = [
        *commented(build.header),
        "deployments:",
        f"  - name: {name}",
        "    image:",
        f"      repository: {json.dumps(repository)}",
        f"      tag: {json.dumps(tag)}",
        "      pullPolicy: Always",
        "    dagsterApiGrpcArgs:",
        "      - --python-file",
        f"      - {_FOLDER}/{DEFINITIONS}",
        f"    port: {_PORT}",
        "    # runs get the variables of the code location",
        "    includeConfigInLaunchedRuns:",
        "      enabled: true",
    ]
    variables = required(build)["variables"]
    if variables:
        lines += [f"    # the Kubernetes Secret {name} must hold the keys {', '.join(variables)}", "    envSecrets:"]
        lines += [f"      - name: {name}"]
    return "\n".join([*lines, ""])


def _component(build: Build) -> str:
    binding, configuration = binding_of(build), asdict(build.configuration)
    lines = [
        *commented(build.header),
        "type: counterpoint_dagster.PipelineComponent",
        "attributes:",
        f"  pipeline: {json.dumps(build.reference)}",
        f"  key_prefix: {json.dumps(list(binding.prefix))}",
        f"  structure: {json.dumps(build.structure)}",
        "  # what every run is given; of a secret, the place of its value",
        "  configuration:",
        *(f"    {name}: {json.dumps(value)}" for name, value in configuration.items() if value not in (None, {})),
        "",
    ]
    return "\n".join(lines)

"""The files for a Prefect that a team already has: a flow file, `prefect.yaml`, and automations."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from counterpoint.build.order import NativeFiles
from counterpoint.build.rendering import REQUIRED, REQUIREMENTS
from counterpoint_prefect.deployment_files import (
    AUTOMATIONS,
    CONTAINER,
    PROCESS,
    automations_file,
    container_file,
    deployment_name,
    flow_path,
    image_folder,
    process_file,
    work_pool,
)
from counterpoint_prefect.flow_file import flow_file

if TYPE_CHECKING:
    from counterpoint.build.order import Build


def build(build: Build) -> NativeFiles:
    """The flow file, the deployments and the automations of a pipeline."""
    path, automations = flow_path(build), automations_file(build)
    files = {path: flow_file(build), PROCESS: process_file(build), CONTAINER: container_file(build)}
    if automations:
        files[AUTOMATIONS] = automations
    return NativeFiles(
        files=files,
        base_image=f"prefecthq/prefect:{version('prefect')}-python{sys.version_info.major}.{sys.version_info.minor}",
        copied=[f"{path} {image_folder(build)}/"],
        steps=_steps(build, has_automations=automations is not None),
    )


def _steps(build: Build, *, has_automations: bool) -> list[str]:
    """What a person does with the files, in this order."""
    pool, name = work_pool(build), deployment_name(build)
    limits = [f"`prefect gcl create {limit.name} --limit {limit.slots}`" for limit in build.pipeline.pools]
    deploy, by_hand = "prefect --no-prompt deploy", f"{build.pipeline.name}/{name} --param date=KEY"
    automation = f"Create the deadline's automation: `prefect automation create --from-file {AUTOMATIONS}`."
    return [
        f"Install on the workers: `pip install --requirement {REQUIREMENTS}`, then the wheel of your project.",
        f"Make sure that the workers have the variables and secrets of `{REQUIRED}`.",
        *([f"Create the limits, without which their steps fail: {', '.join(limits)}."] if limits else []),
        f"Create the work pool once: `prefect work-pool create {pool} --type process`.",
        f"Deploy, in this folder: `{deploy} --all`; to another pool: `{deploy} --name {name} --pool POOL`.",
        f"On Docker or Kubernetes, with the wheel in this folder: `{deploy} --all --prefect-file {CONTAINER}`.",
        *([automation] if has_automations else []),
        f"Start a worker: `prefect worker start --pool {pool}`. By hand: `prefect deployment run {by_hand}`.",
    ]

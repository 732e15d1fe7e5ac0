"""Where a server has the job of a pipeline: its code location, its repository, and the keys of its assets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint_dagster.client import graphql
from counterpoint_dagster.keys import LOCATION, STRUCTURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import Pipeline
    from counterpoint.target import Target

REPOSITORY = "__repository__"
_JOBS = """{ workspaceOrError { __typename ... on PythonError { message } ... on Workspace { locationEntries { name
  locationOrLoadError { __typename ... on PythonError { message }
    ... on RepositoryLocation { repositories { name jobs { name } } } } } } } }"""
_JOB = """query($p: PipelineSelector!) { job: pipelineOrError(params: $p) { ... on Pipeline {
    metadataEntries { label ... on TextMetadataEntry { text } }
    schedules { name cronSchedule executionTimezone scheduleState { id status } } } }
  assets: assetNodes(pipeline: $p) { assetKey { path } } }"""


@dataclass(frozen=True, slots=True)
class JobPlace:
    """The job of a pipeline on a server.

    Attributes:
        location: Its code location.
        repository: Its repository there.
        paths: The key of each step's asset.
        structure: What names the structure that it was built from; None if `build` did not make it.
        schedule: Its schedule as Dagster's API gives it; None without one.
    """

    location: str
    repository: str
    paths: Mapping[str, list[str]]
    structure: str | None = None
    schedule: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def ops(self) -> dict[str, str]:
        """The steps by the names of their ops, which Dagster makes of the assets' keys."""
        return {re.sub(r"[^A-Za-z0-9_]", "_", "__".join(path)): step for step, path in self.paths.items()}

    @property
    def selector(self) -> dict[str, str]:
        """How Dagster's API names the repository."""
        return {"repositoryLocationName": self.location, "repositoryName": self.repository}


def job_place(target: Target, pipeline: Pipeline) -> JobPlace:
    """The job of a pipeline: in the one location of a service environment, or wherever a team's server has it.

    Raises:
        ServiceError: no location of a team's server has the job.
    """
    if target.is_ours:
        return JobPlace(LOCATION, REPOSITORY, {name: [name] for name in pipeline.step_names})
    place = find_job(target, pipeline)
    if place is None:
        raise ServiceError(f"no code location of {target.url()} has the job {pipeline.name}")
    return place


def find_job(target: Target, pipeline: Pipeline) -> JobPlace | None:
    """The job of a pipeline on a team's server; None if no code location that is loaded has it."""
    for entry in locations(target):
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", ()):
            if pipeline.name in {job["name"] for job in repository["jobs"]}:
                return _read(target, pipeline, entry["name"], repository["name"])
    return None


def locations(target: Target) -> list[dict[str, Any]]:
    """The code locations of a server, with their jobs or the error of their loading.

    Raises:
        ServiceError: the workspace cannot be read.
    """
    workspace = graphql(target, _JOBS, {})["workspaceOrError"]
    if workspace["__typename"] != "Workspace":
        raise ServiceError(f"the workspace of {target.url()} cannot be read: {workspace.get('message')}")
    entries: list[dict[str, Any]] = workspace["locationEntries"]
    return entries


def load_errors(target: Target) -> Iterator[tuple[str, str]]:
    """The code locations that could not be loaded, each with the last line of its error."""
    for entry in locations(target):
        error = entry["locationOrLoadError"] or {}
        if error.get("__typename") == "PythonError":
            yield entry["name"], error["message"].strip().splitlines()[-1]


def _read(target: Target, pipeline: Pipeline, location: str, repository: str) -> JobPlace:
    selector = {"repositoryLocationName": location, "repositoryName": repository, "pipelineName": pipeline.name}
    answer = graphql(target, _JOB, {"p": selector})
    entries = {entry["label"]: entry.get("text") for entry in answer["job"].get("metadataEntries", ())}
    paths = {node["assetKey"]["path"][-1]: node["assetKey"]["path"] for node in answer["assets"]}
    schedules = {schedule["name"]: schedule for schedule in answer["job"].get("schedules", ())}
    schedule = schedules.get(f"{pipeline.name}_schedule")
    return JobPlace(location, repository, paths, entries.get(STRUCTURE), schedule)

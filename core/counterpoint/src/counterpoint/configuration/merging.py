"""What one pipeline gets of an environment: its settings merged, and all else as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.commands import SOURCE
from counterpoint.configuration.file import CONFIG, FILE, find_file, read_file
from counterpoint.errors import UsageError
from counterpoint.model import Configuration
from counterpoint.model.suggest import suggest
from counterpoint.runtime.registry import find_pipeline, registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.configuration.tables import Environment
    from counterpoint.model import Pipeline

ROOT = "counterpoint-data"


def environment_named(name: str) -> Environment:
    """The environment of a name, in the file that is found from here.

    Raises:
        UsageError: there is no file, or it has no such environment.
    """
    path = find_file()
    if path is None:
        raise UsageError(
            f"environment {name!r}: there is no {FILE} in this folder or one above it: go to the project's folder, or"
            f" name the file in {CONFIG}"
        )
    return read_file(path).environment(name)


def configuration_of(
    environment: Environment | str | None,
    pipeline: str,
    given: Mapping[str, Any] | None = None,
    root: str | None = None,
) -> Configuration:
    """The configuration of a pipeline in an environment.

    Args:
        environment: the environment, or its name; None for none, then only what is given counts.
        pipeline: how the pipeline is found.
        given: settings that beat those of the environment.
        root: where data lies; default the environment's root.

    Raises:
        UsageError: there is no such environment or pipeline, or no pipeline has a setting of the environment.
    """
    if isinstance(environment, str):
        environment = environment_named(environment)
    if environment is None:
        return Configuration(None, root or ROOT, settings=dict(given or {}))
    settings = merged((*_layers(environment, pipeline), given or {}))
    place = root or environment.root or ROOT
    return Configuration(
        environment.name, place, environment.tracking, settings, environment.secrets, environment.variables
    )


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Settings of which later layers beat earlier ones; one that is a table is merged one level deep."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(found.get(name), dict) and isinstance(value, dict)
            found[name] = {**found[name], **value} if both else value
    return found


def _layers(environment: Environment, called: str) -> list[Mapping[str, Any]]:
    pipeline = find_pipeline(called)
    shared = {**({SOURCE: environment.source} if environment.source else {}), **environment.settings}
    for name in shared:
        if name not in pipeline.config and not _is_known(name):
            key = f"[{environment.table}] {SOURCE}" if name == SOURCE else f"[{environment.table}.settings] {name}"
            raise UsageError(
                f"{environment.file}: {key}: no registered pipeline has this setting: {suggest(name, pipeline.config)}"
            )
    return [pipeline.own(shared), *_own(environment, called, pipeline)]


def _is_known(name: str) -> bool:
    """Whether any registered pipeline has a setting; those that cannot be loaded here tell elsewhere."""
    for registered_name in registered():
        try:
            if name in find_pipeline(registered_name).config:
                return True
        except Exception:  # noqa: BLE001 - whatever somebody's module does when it is imported
            return True  # it may be a setting of that one
    return False


def _own(environment: Environment, called: str, pipeline: Pipeline) -> list[Mapping[str, Any]]:
    """The tables of one pipeline, under its own name and under that by which it is called."""
    names = dict.fromkeys((pipeline.name, called))
    known = {*registered(), *names}
    for name in environment.pipelines:
        if name not in known and ":" not in name:
            raise UsageError(
                f"{environment.file}: [{environment.table}.pipelines] {name!r} is no registered pipeline:"
                f" {suggest(name, sorted(known))} (or write it as package.module:object)"
            )
    layers = [environment.pipelines[name] for name in names if name in environment.pipelines]
    for name in (name for layer in layers for name in layer if name not in pipeline.config):
        raise UsageError(
            f"{environment.file}: [{environment.table}.pipelines.{pipeline.name}] {name}: the pipeline has no such"
            f" setting: {suggest(name, pipeline.config)}"
        )
    return layers

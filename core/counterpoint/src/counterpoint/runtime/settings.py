"""The settings of a root: those that production was made with, and those that services serve.

A run that a command starts brings its own settings. A run that an orchestrator starts, by a schedule or from its web
page, has the settings with which its services were started, or else those with which production was last made.
"""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING, Any

from counterpoint.commands import SOURCE, command, setting_words
from counterpoint.errors import UsageError
from counterpoint.model import PRODUCTION, Configuration
from counterpoint.model.functions import parameters_of
from counterpoint.redaction import sealed
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout
from counterpoint.storage.objects import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model import Pipeline, Step
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)


def made_with(objects: Objects, pipeline: str) -> dict[str, Any]:
    """The settings that production was made with; each has the value that a step got last."""
    return dict((objects.get_json(layout.made_settings(pipeline)) or {}).get("config", {}))


def served_with(objects: Objects, pipeline: str, orchestrator: str) -> dict[str, Any]:
    """The settings of runs that an orchestrator starts by itself."""
    return dict(served_configuration(objects, pipeline, orchestrator).settings)


def served_configuration(objects: Objects, pipeline: str, orchestrator: str) -> Configuration:
    """The configuration of runs that an orchestrator starts by itself."""
    served = objects.get_json(layout.served_settings(pipeline, orchestrator))
    if served is None:
        return Configuration(None, objects.root, settings=made_with(objects, pipeline))
    carried = {name: value for name, value in served.items() if name != "config"}
    return Configuration(**{"env": None, **carried, "root": objects.root, "settings": dict(served["config"])})


def is_served(objects: Objects, pipeline: str, orchestrator: str) -> bool:
    """Whether services of an orchestrator were ever started with a pipeline, or given its configuration."""
    return objects.get_json(layout.served_settings(pipeline, orchestrator)) is not None


def is_settled(objects: Objects, pipeline: str, orchestrator: str) -> bool:
    """Whether settings are stored with which an orchestrator runs a pipeline by itself."""
    paths = (layout.served_settings(pipeline, orchestrator), layout.made_settings(pipeline))
    return any(map(objects.get_json, paths))


def serve(objects: Objects, pipeline: str, orchestrator: str, configuration: Configuration | Mapping[str, Any]) -> None:
    """Stores the configuration, or the settings alone, with which services are started; no secret is stored."""
    if not isinstance(configuration, Configuration):
        configuration = Configuration(None, objects.root, settings=configuration)
    path = layout.served_settings(pipeline, orchestrator)
    carried = {name: value for name, value in configuration.carried.items() if value}
    if objects.get_json(path) != (stored := {"config": sealed(configuration.settings), **carried}):
        objects.put_json(path, stored)


class Settings(StepHook):
    """Stores the settings of each step that succeeds in production, on any orchestrator."""

    order = 300

    def after(self, context: StepContext, product: Product) -> None:  # noqa: ARG002 - of the hook
        """Stores them."""
        if context.request.version == PRODUCTION:
            note(context.store, context.pipeline, (context.step,), context.request.config)


def note(objects: Objects, pipeline: Pipeline, steps: Iterable[Step], config: Mapping[str, Any]) -> None:
    """Stores the settings that production steps were given; steps that end at the same time keep each other's."""
    path, names = layout.made_settings(pipeline.name), {name for step in steps for name in read_by(pipeline, step)}
    while True:
        stored = objects.find(path)
        previous = objects.parsed(path, stored.data)["config"] if stored else {}
        changed = {name: value for name, value in previous.items() if name not in names}
        changed |= {name: config[name] for name in names if name in config}
        if changed == previous or objects.compare_and_swap(path, json_bytes({"config": changed}), stored):
            return


def read_by(pipeline: Pipeline, step: Step) -> set[str]:
    """The settings that a step or its `observe` function reads."""
    parameters = parameters_of(step.observe) if step.observe else ()
    return {*step.settings, *(name for name in parameters if name in pipeline.config)}


def sources_of(pipeline: Pipeline) -> set[str]:
    """The settings that say where data comes from: what `observe` functions read, and `source`."""
    observed = {name for step in pipeline.steps if step.observe for name in parameters_of(step.observe)}
    return {name for name in pipeline.config if name in observed or name == SOURCE}


def refuse_unsaid(objects: Objects, pipeline: Pipeline, config: Mapping[str, Any], *words: str) -> None:
    """Refuses to fall back to another source than production was made from; warns of other changed settings.

    Args:
        objects: The root.
        pipeline: The pipeline with its defaults.
        config: The settings that were given.
        words: The command that was typed, without its settings and its root.

    Raises:
        UsageError: Holds the command that keeps the source.
    """
    made = made_with(objects, pipeline.name)
    unsaid = {n: v for n, v in made.items() if n not in config and n in pipeline.config and v != pipeline.config[n]}
    sources = sources_of(pipeline).intersection(unsaid)
    if sources:
        defaults = shlex.join(setting_words({name: pipeline.config[name] for name in sources}))
        keep_command = command(*words, root=objects.root, config={**{n: unsaid[n] for n in sources}, **config})
        raise UsageError(
            f"production of {pipeline.name} below {objects.root} was made with another {', '.join(sorted(sources))},"
            f" which this command does not set. To keep it: '{keep_command}'. To use the default: {defaults}"
        )
    if unsaid:
        options = shlex.join(setting_words(unsaid))
        log.warning("%s: production was made with %s; this run uses the defaults instead", pipeline.name, options)

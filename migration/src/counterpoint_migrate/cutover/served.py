"""Checks that both sides of a cut-over run a pipeline with the same configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.errors import UsageError
from counterpoint.redaction import redacted_values
from counterpoint.runtime.settings import is_served, serve, served_configuration

if TYPE_CHECKING:
    from counterpoint.model import Configuration, Pipeline
    from counterpoint.runtime.schedule_ownership import Party
    from counterpoint_migrate.cutover.cutover import Move


def refuse_other_configuration(move: Move, source: Party, target: Party) -> None:
    """Refuses a target whose configuration differs from the source's, or from the named environment's.

    A target that was never served gets that configuration.

    Raises:
        UsageError: the message names the first value that differs, and the command that corrects the target.
    """
    expected, origin = move.configuration, "the environment"
    if expected is None and source.legacy is None and is_served(move.objects, move.pipeline.name, source.name):
        expected, origin = served_configuration(move.objects, move.pipeline.name, source.name), source.name
    if expected is None or target.legacy is not None:
        return
    if not is_served(move.objects, move.pipeline.name, target.name):
        serve(move.objects, move.pipeline.name, target.name, expected)
        return
    actual = served_configuration(move.objects, move.pipeline.name, target.name)
    if difference := first_difference(move.pipeline, expected, actual):
        name, expected_value, actual_value = difference
        up_command = command(
            "up",
            target.name,
            "--pipeline",
            move.called or move.pipeline.name,
            root=move.objects.root,
            config=move.pipeline.own(expected.settings),
            env=expected.env,
        )
        raise UsageError(
            f"{move.pipeline.name}: {name} is {expected_value} in {origin} and {actual_value} on {target.name}: start"
            f" the services of {target.name} with the same, by '{up_command}'"
        )


def first_difference(
    pipeline: Pipeline, left_configuration: Configuration, right_configuration: Configuration
) -> tuple[str, Any, Any] | None:
    """The first value that differs between two configurations of a pipeline: its name, and both values, redacted."""
    left, right = _values(pipeline, left_configuration), _values(pipeline, right_configuration)
    for name in left | right:
        if left.get(name) != right.get(name):
            return name, left.get(name), right.get(name)
    return None


def _values(pipeline: Pipeline, configuration: Configuration) -> dict[str, Any]:
    """All values, settings first; unset settings have the defaults of the pipeline."""
    settings = {**pipeline.config, **pipeline.own(configuration.settings)}
    return {
        **redacted_values(dict(sorted(settings.items()))),
        "env": configuration.env,
        "tracking": configuration.tracking,
        **{f"secret {name}": reference for name, reference in sorted(configuration.secrets.items())},
        **{f"variable {name}": value for name, value in sorted(configuration.variables.items())},
    }

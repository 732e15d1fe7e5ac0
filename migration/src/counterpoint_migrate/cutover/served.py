"""Whether both sides of a cut-over would run a pipeline by the same configuration."""

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
    """Refuses a target that would run by another configuration than the source, or than the named environment.

    A target that has never been served gets that configuration.

    Raises:
        UsageError: names the first value that differs, and the command that gives the target the right one.
    """
    wanted, whose = move.configuration, "the environment"
    if wanted is None and source.legacy is None and is_served(move.objects, move.pipeline.name, source.name):
        wanted, whose = served_configuration(move.objects, move.pipeline.name, source.name), source.name
    if wanted is None or target.legacy is not None:
        return
    if not is_served(move.objects, move.pipeline.name, target.name):
        serve(move.objects, move.pipeline.name, target.name, wanted)
        return
    will = served_configuration(move.objects, move.pipeline.name, target.name)
    if difference := first_difference(move.pipeline, wanted, will):
        name, one, other = difference
        up = command(
            "up",
            target.name,
            "--pipeline",
            move.called or move.pipeline.name,
            root=move.objects.root,
            config=move.pipeline.own(wanted.settings),
            env=wanted.env,
        )
        raise UsageError(
            f"{move.pipeline.name}: {name} is {one} in {whose} and {other} on {target.name}: start the services of"
            f" {target.name} with the same, by '{up}'"
        )


def first_difference(pipeline: Pipeline, one: Configuration, other: Configuration) -> tuple[str, Any, Any] | None:
    """The first value in which two configurations of a pipeline differ: its name, and both values without secrets."""
    left, right = _values(pipeline, one), _values(pipeline, other)
    for name in left | right:
        if left.get(name) != right.get(name):
            return name, left.get(name), right.get(name)
    return None


def _values(pipeline: Pipeline, configuration: Configuration) -> dict[str, Any]:
    """All values, settings first; those of a pipeline that are not set are its defaults."""
    settings = {**pipeline.config, **pipeline.own(configuration.settings)}
    return {
        **redacted_values(dict(sorted(settings.items()))),
        "env": configuration.env,
        "tracking": configuration.tracking,
        **{f"secret {name}": reference for name, reference in sorted(configuration.secrets.items())},
        **{f"variable {name}": value for name, value in sorted(configuration.variables.items())},
    }

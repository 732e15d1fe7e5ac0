"""What a cut-over rests on: equal dates of the same code and settings, which the services keep afterwards, too."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command, setting_words
from counterpoint.errors import UsageError
from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.schedule_ownership import Party
from counterpoint.runtime.settings import is_settled, serve, served_with
from counterpoint.storage import layout
from counterpoint_migrate.cutover.ledger import code_of, entries, pair_of, setting_digests, streak_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.cutover import Move


def proof_of(move: Move, source: Party, target: Party, after: int) -> dict[str, Any] | None:
    """The streak that the ledger holds; None when none is asked for.

    Raises:
        UsageError: it is too short, or its newest date was compared with other code.
    """
    if after <= 0:
        return None
    pair = pair_of(source.name, target.name, legacy=source.legacy is not None)
    found = entries(move.objects, move.pipeline.name, pair)
    streak = streak_of(found, move.pipeline.partitions)
    compare = move.typed("shadow", "--from", source.name, "--to", target.name, "--dates", "A..B")
    hint = f"compare more by '{compare}', or say --after 0 to go without proof"
    if streak.count < after:
        raise UsageError(f"{move.pipeline.name}, {pair}: {streak}, and --after {after} asks for {after}: {hint}")
    if found[-1]["digests"]["code"] != code_of(move.pipeline):
        raise UsageError(f"{move.pipeline.name}: its code is another one since {streak.last} was compared: {hint}")
    _settle_settings(move, target, found[-1])
    return streak.to_dict()


def _settle_settings(move: Move, target: Party, entry: Mapping[str, Any]) -> None:
    """Refuses when the target would run with other settings than were compared; where it knows none, it gets these."""
    if target.legacy is not None or "settings" not in entry:
        return
    if not is_settled(move.objects, move.pipeline.name, target.name):
        serve(move.objects, move.pipeline.name, target.name, entry.get("config", {}))
    will = served_with(move.objects, move.pipeline.name, target.name)
    if other := _unproved(move.pipeline, will, entry["settings"]):
        raise UsageError(
            f"{_told(move.pipeline, target.name, other)} {entry['date']} was compared with another {', '.join(other)}:"
            f" start its services with 'counterpoint up' and the settings that were compared, or compare again with"
            f" these"
        )


def refuse_unproved(objects: Objects, pipeline: Pipeline, orchestrator: str, config: Mapping[str, Any]) -> None:
    """Refuses settings of services to which a pipeline was cut over that neither were compared nor made production.

    Args:
        objects: the root.
        pipeline: the pipeline with its defaults.
        orchestrator: whose services.
        config: the settings that they are to run with.

    Raises:
        UsageError: names them, and the commands that prove them or make production with them.
    """
    change = schedule_ownership.read(objects, pipeline.name).proved_cutover(orchestrator)
    entry = change and _compared(objects, pipeline, change)
    if not change or not entry:
        return
    made = objects.get_json(layout.made_settings(pipeline.name))
    if made and not _unproved(pipeline, config, setting_digests(pipeline.configured(pipeline.own(made["config"])))):
        return
    if other := _unproved(pipeline, config, entry["settings"]):
        name, source = pipeline.name, change["from"]["name"]
        given = pipeline.own(config)
        dates = ("--from", source, "--to", orchestrator, "--dates", "A..B")
        compare = command("migrate", "shadow", name, *dates, root=objects.root, config=given)
        make = command("run", name, "--date", "DATE", root=objects.root, config=given)
        raise UsageError(
            f"{_told(pipeline, orchestrator, other)} the cut-over to it rests on {entry['date']}, which was compared"
            f" with another {', '.join(other)}: leave that out, compare again by '{compare}', or make production with"
            f" it by '{make}'"
        )


def _compared(objects: Objects, pipeline: Pipeline, change: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest equal comparison of the two sides of a cut-over that tells its settings."""
    source, target = (Party.from_dict(change[name]) for name in ("from", "to"))
    found = entries(objects, pipeline.name, pair_of(source.name, target.name, legacy=source.legacy is not None))
    return next((entry for entry in reversed(found) if "settings" in entry and entry["equal"]), None)


def _unproved(pipeline: Pipeline, config: Mapping[str, Any], proved: Mapping[str, str]) -> dict[str, Any]:
    """The settings whose digests are not those that were proved."""
    will = pipeline.configured(pipeline.own(config))
    other = sorted(name for name, digest in setting_digests(will).items() if proved.get(name) != digest)
    return {name: will.config[name] for name in other}


def _told(pipeline: Pipeline, orchestrator: str, other: Mapping[str, Any]) -> str:
    return f"{pipeline.name}: {orchestrator} would run with {shlex.join(setting_words(other))}, and"

"""The proof of a cut-over: equal dates with the same code and settings, which the services also keep afterwards."""

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
    """The streak in the ledger; None if no proof is requested.

    Args:
        move: the pipeline.
        source: the present owner.
        target: the new owner.
        after: the required number of consecutive equal dates; 0 for no proof.

    Raises:
        UsageError: the streak is too short, or its newest date was compared with other code or settings.
    """
    if after <= 0:
        return None
    pair = pair_of(source.name, target.name, legacy=source.legacy is not None)
    compared = entries(move.objects, move.pipeline.name, pair)
    streak = streak_of(compared, move.pipeline.partitions)
    compare = move.typed("shadow", "--from", source.name, "--to", target.name, "--dates", "A..B")
    hint = f"compare more by '{compare}', or say --after 0 to go without proof"
    if streak.count < after:
        raise UsageError(f"{move.pipeline.name}, {pair}: {streak}, and --after {after} asks for {after}: {hint}")
    if compared[-1]["digests"]["code"] != code_of(move.pipeline):
        raise UsageError(f"{move.pipeline.name}: its code is another one since {streak.last} was compared: {hint}")
    _settle_settings(move, target, compared[-1])
    return streak.to_dict()


def _settle_settings(move: Move, target: Party, entry: Mapping[str, Any]) -> None:
    """Refuses a target with other settings than the compared ones; a target without settings gets these."""
    if target.legacy is not None or "settings" not in entry:
        return
    if not is_settled(move.objects, move.pipeline.name, target.name):
        serve(move.objects, move.pipeline.name, target.name, entry.get("config", {}))
    configuration = served_with(move.objects, move.pipeline.name, target.name)
    if unproved := _unproved(move.pipeline, configuration, entry["settings"]):
        raise UsageError(
            f"{_would_run_with(move.pipeline, target.name, unproved)} {entry['date']} was compared with another"
            f" {', '.join(unproved)}:"
            f" start its services with 'counterpoint up' and the settings that were compared, or compare again with"
            f" these"
        )


def refuse_unproved(objects: Objects, pipeline: Pipeline, orchestrator: str, config: Mapping[str, Any]) -> None:
    """Refuses new settings for services after a cut-over, unless they were compared or have made production.

    Args:
        objects: the root.
        pipeline: the pipeline with its defaults.
        orchestrator: the orchestrator of the services.
        config: the new settings.

    Raises:
        UsageError: the settings are unproved; the message names them, and the commands that prove them.
    """
    change = schedule_ownership.read(objects, pipeline.name).proved_cutover(orchestrator)
    entry = change and _compared(objects, pipeline, change)
    if not change or not entry:
        return
    production = objects.get_json(layout.made_settings(pipeline.name))
    if production and not _unproved(
        pipeline, config, setting_digests(pipeline.configured(pipeline.own(production["config"])))
    ):
        return
    if unproved := _unproved(pipeline, config, entry["settings"]):
        name, source = pipeline.name, change["from"]["name"]
        own_settings = pipeline.own(config)
        dates = ("--from", source, "--to", orchestrator, "--dates", "A..B")
        shadow_command = command("migrate", "shadow", name, *dates, root=objects.root, config=own_settings)
        run_command = command("run", name, "--date", "DATE", root=objects.root, config=own_settings)
        raise UsageError(
            f"{_would_run_with(pipeline, orchestrator, unproved)} the cut-over to it rests on {entry['date']}, which"
            f" was compared with another {', '.join(unproved)}: leave that out, compare again by '{shadow_command}', or"
            f" make production with it by '{run_command}'"
        )


def _compared(objects: Objects, pipeline: Pipeline, change: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest equal comparison of the two sides of a cut-over whose entry has settings."""
    source, target = (Party.from_dict(change[name]) for name in ("from", "to"))
    compared = entries(objects, pipeline.name, pair_of(source.name, target.name, legacy=source.legacy is not None))
    return next((entry for entry in reversed(compared) if "settings" in entry and entry["equal"]), None)


def _unproved(pipeline: Pipeline, config: Mapping[str, Any], proved: Mapping[str, str]) -> dict[str, Any]:
    """The settings whose digests differ from the proved ones."""
    configured = pipeline.configured(pipeline.own(config))
    names = sorted(name for name, digest in setting_digests(configured).items() if proved.get(name) != digest)
    return {name: configured.config[name] for name in names}


def _would_run_with(pipeline: Pipeline, orchestrator: str, settings: Mapping[str, Any]) -> str:
    return f"{pipeline.name}: {orchestrator} would run with {shlex.join(setting_words(settings))}, and"

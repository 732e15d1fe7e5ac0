"""Moves a pipeline, or steps of it, from one orchestrator to another, and back; finishes or undoes a killed move.

The order: the intent is stored, the losing schedule is paused, the winning one is started, the new owner is stored.
Each part can be repeated without harm. A side that keeps some steps keeps its schedule.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.errors import ServiceError, UsageError
from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.schedule_ownership import CUTOVER, DONE, ROLLBACK, UNDONE, Party
from counterpoint.services.processes import Owner
from counterpoint_migrate.cutover.proof import proof_of
from counterpoint_migrate.cutover.served import refuse_other_configuration
from counterpoint_migrate.cutover.step_ownership import Change, change_back, change_to, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint.model import Configuration, Pipeline
    from counterpoint.runtime.schedule_ownership import Owners
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.schedules import Side

log = logging.getLogger(__name__)
_POLL_SECONDS = 2.0
# longer than any change takes, even if the sides answer slowly
_MAX_DURATION = timedelta(minutes=20)


@dataclass(frozen=True)
class Move:
    """A pipeline whose owner may change; `side_of` returns the side of a party, `wait` waits for active runs.

    `called` is the pipeline's name in commands; `configuration` is that of the environment that the command names.
    """

    objects: Objects
    pipeline: Pipeline
    side_of: Callable[[Party], Side]
    wait: bool = False
    called: str = ""
    configuration: Configuration | None = None

    def typed(self, action: str, *words: str) -> str:
        """A command of `migrate` for the pipeline, as a person types it."""
        return command("migrate", action, self.called or self.pipeline.name, *words, root=self.objects.root)

    def read(self) -> Owners:
        """The present owners."""
        return schedule_ownership.read(self.objects, self.pipeline.name)

    def keep(self, new: Owners) -> Owners:
        """Stores new owners."""
        return schedule_ownership.keep(self.objects, self.pipeline.name, new)


def cut_over(move: Move, source: Party, target: Party, after: int, steps: Sequence[str] = ()) -> Owners:
    """Moves a pipeline, or steps of it, to another party; if the target owns it already, repairs the schedules.

    Args:
        move: the pipeline.
        source: the present owner.
        target: the new owner.
        after: the number of consecutive equal dates that is required.
        steps: the steps to move; all if empty.

    Returns:
        The owners afterwards.

    Raises:
        UsageError: there are too few equal dates, another party owns it, or a run of the losing side is active.
        ServiceError: a side does not answer, or refuses; nothing is changed.
    """
    if move.pipeline.schedule is None:
        raise UsageError(f"{move.pipeline.name} has no schedule, so there is nothing to cut over: give it one")
    refuse_unknown(move.pipeline, steps)
    owners = _owners_after_recovery(move, CUTOVER)
    claim = move.typed("cutover", "--from", target.name, "--to", source.name, "--after", "0")
    change = change_to(move.pipeline, owners, (source, target), steps, claim)
    if change.before == change.after:
        _switch_schedules(move, change, repair_only=True)
        return owners
    streak = proof_of(move, source, target, after)
    refuse_other_configuration(move, source, target)
    return _change(move, owners, CUTOVER, change, streak)


def roll_back(move: Move, steps: Sequence[str] = ()) -> Owners:
    """Undoes the last cut-over of the pipeline or of steps, also an unfinished one; does nothing if there is none.

    Raises:
        UsageError: a run of the losing side is active.
        ServiceError: a side does not answer, or refuses; nothing is changed.
    """
    refuse_unknown(move.pipeline, steps)
    owners_before = move.read()
    owners = _owners_after_recovery(move, ROLLBACK)
    change = None if owners_before.pending else change_back(move.pipeline, owners, steps)
    return owners if change is None else _change(move, owners, ROLLBACK, change, None)


def _change(move: Move, owners: Owners, action: str, change: Change, streak: Any) -> Owners:
    """Stores the intent, switches the schedules, stores the outcome."""
    schedules_were = [_is_scheduled(move, move.side_of(party)) for party in (change.source, change.target)]
    _refuse_running(move, change.source)
    intent = {"action": action, **change.to_dict(), "at": schedule_ownership.now(), "streak": streak}
    pending = {**intent, "was": schedules_were, "by": asdict(Owner.here())}
    return _finish(move, move.keep(replace(owners, pending=pending)))


def _is_scheduled(move: Move, side: Side) -> bool | None:
    """Whether a schedule is on; None if the services are not running.

    Raises:
        UsageError: the services have no schedule for the pipeline.
    """
    if not side.is_running:
        return None
    is_on = side.scheduled()
    if is_on is None:
        down_command = command("down", side.name, root=move.objects.root)
        up_command = command("up", side.name, "--pipeline", move.called or move.pipeline.name, root=move.objects.root)
        raise UsageError(
            f"{side.name} has no schedule of it: start its services by '{up_command}',"
            f" if need be after '{down_command}'"
        )
    return is_on


def _refuse_running(move: Move, loser: Party) -> None:
    """Refuses the change while a run of the losing side is active; with `wait`, waits for its end."""
    side = move.side_of(loser)
    while side.is_running and (runs := side.active_runs()):
        if not move.wait:
            raise UsageError(
                f"{side.name}: run {runs[0]} of {move.pipeline.name} is going on: wait for it, or say --wait"
            )
        log.info("%s: waiting for run %s", side.name, runs[0])
        time.sleep(_POLL_SECONDS)


def _owners_after_recovery(move: Move, action: str) -> Owners:
    """The owners after recovery: a killed change is finished if it is the requested action, else undone.

    Raises:
        UsageError: the process that makes the change is still running.
    """
    owners = move.read()
    if owners.pending is None:
        return owners
    process, pending_action = Owner(**owners.pending["by"]), owners.pending["action"]
    # `lives` is also true for a process that cannot be checked, such as one on another machine
    if process.lives and datetime.now(UTC) - datetime.fromisoformat(owners.pending["at"]) < _MAX_DURATION:
        raise UsageError(
            f"process {process.pid} on {process.host} changes who owns {move.pipeline.name} now: wait for it"
        )
    outcome = "finished" if pending_action == action else "undone"
    log.info(
        "%s: a %s started at %s was killed; it is %s", move.pipeline.name, pending_action, owners.pending["at"], outcome
    )
    return _finish(move, owners) if pending_action == action else _undo(move, owners)


def _finish(move: Move, owners: Owners) -> Owners:
    """Pauses the losing schedule, starts the winning one, and stores the new owner; undoes all if that fails.

    Raises:
        UsageError, ServiceError: the reason of the failure.
    """
    try:
        _switch_schedules(move, Change.from_dict(owners.pending or {}))
    except (ServiceError, UsageError, KeyboardInterrupt) as error:
        _undo(move, owners)
        log.warning("%s: undone, both schedules are restored: %s", move.pipeline.name, str(error) or "interrupted")
        raise
    return move.keep(owners.ended(DONE))


def _switch_schedules(move: Move, change: Change, *, repair_only: bool = False) -> None:
    """Switches the schedules of both sides according to their steps after the change."""
    source_loses_all = not change.after.has(change.source)
    if source_loses_all:
        _schedule(move, change.source, on=False)
    if source_loses_all or not repair_only:
        # a run may have started since the last check
        _refuse_running(replace(move, wait=False), change.source)
    _schedule(move, change.target, on=True)
    if not source_loses_all:
        _schedule(move, change.source, on=True)


def _schedule(move: Move, party: Party, *, on: bool) -> None:
    side = move.side_of(party)
    if side.is_running:
        side.schedule(on=on)


def _undo(move: Move, owners: Owners) -> Owners:
    """Restores both schedules, the winner's first, so that both never run together.

    Raises:
        ServiceError: a side does not answer; the change stays pending.
    """
    assert owners.pending is not None  # noqa: S101 - called for pending changes only
    change = Change.from_dict(owners.pending)
    for party, was_on in reversed([*zip((change.source, change.target), owners.pending["was"], strict=True)]):
        if was_on is not None:
            _schedule(move, party, on=was_on)
    return move.keep(owners.ended(UNDONE))

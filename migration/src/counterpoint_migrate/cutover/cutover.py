"""A pipeline, or steps of it, move from one orchestrator to another, and back; what was killed is finished or undone.

The order: the intent is kept, the losing schedule is paused, the winning one started, the new owner kept. Each part may
be done again without harm. A side that keeps some steps keeps its schedule.
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
from counterpoint_migrate.cutover.step_ownership import Change, brought_back, given, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint.model import Configuration, Pipeline
    from counterpoint.runtime.schedule_ownership import Owners
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.cutover.schedules import Side

log = logging.getLogger(__name__)
_LOOK_SECONDS = 2.0
# no change takes so long, however slowly the sides answer
_LONGEST = timedelta(minutes=20)


@dataclass(frozen=True)
class Move:
    """A pipeline whose owner may change; `side_of` gives a party's schedule, `wait` waits for what still runs.

    `called` is how commands find the pipeline; `configuration` is that of the environment which the command names.
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
        """Who owns it now."""
        return schedule_ownership.read(self.objects, self.pipeline.name)

    def keep(self, new: Owners) -> Owners:
        """Keeps a new state of it."""
        return schedule_ownership.keep(self.objects, self.pipeline.name, new)


def cut_over(move: Move, source: Party, target: Party, after: int, steps: Sequence[str] = ()) -> Owners:
    """Gives a pipeline, or steps of it, from one party to another; what that has already is left, schedules are mended.

    Raises:
        UsageError: equal dates are too few, somebody else owns it, or a run of the losing side has not ended.
        ServiceError: a side does not answer, or refuses: nothing is changed.
    """
    if move.pipeline.schedule is None:
        raise UsageError(f"{move.pipeline.name} has no schedule, so there is nothing to cut over: give it one")
    refuse_unknown(move.pipeline, steps)
    seen = _settled(move, CUTOVER)
    claim = move.typed("cutover", "--from", target.name, "--to", source.name, "--after", "0")
    change = given(move.pipeline, seen, (source, target), steps, claim)
    if change.before == change.after:
        _turn(move, change, mends=True)
        return seen
    streak = proof_of(move, source, target, after)
    refuse_other_configuration(move, source, target)
    return _change(move, seen, CUTOVER, change, streak)


def roll_back(move: Move, steps: Sequence[str] = ()) -> Owners:
    """Undoes the last cut-over, also one that was not finished, or that of steps, once; without any, does nothing.

    Raises:
        UsageError: a run of the losing side has not ended.
        ServiceError: a side does not answer, or refuses: nothing is changed.
    """
    refuse_unknown(move.pipeline, steps)
    begun = move.read()
    seen = _settled(move, ROLLBACK)
    change = None if begun.pending else brought_back(move.pipeline, seen, steps)
    return seen if change is None else _change(move, seen, ROLLBACK, change, None)


def _change(move: Move, seen: Owners, action: str, change: Change, streak: Any) -> Owners:
    """Keeps the intent, switches, keeps the end."""
    was = [_was(move, move.side_of(party)) for party in (change.source, change.target)]
    _refuse_running(move, change.source)
    about = {"action": action, **change.to_dict(), "at": schedule_ownership.now(), "streak": streak}
    pending = {**about, "was": was, "by": asdict(Owner.here())}
    return _finish(move, move.keep(replace(seen, pending=pending)))


def _was(move: Move, side: Side) -> bool | None:
    """Whether a schedule is on; None where the services do not run.

    Raises:
        UsageError: its services have no schedule of the pipeline.
    """
    if not side.stands:
        return None
    found = side.scheduled()
    if found is None:
        down = command("down", side.name, root=move.objects.root)
        up = command("up", side.name, "--pipeline", move.called or move.pipeline.name, root=move.objects.root)
        raise UsageError(f"{side.name} has no schedule of it: start its services by '{up}', if need be after '{down}'")
    return found


def _refuse_running(move: Move, loser: Party) -> None:
    """Refuses while a run of the losing side has not ended; waits for it if that is wanted."""
    side = move.side_of(loser)
    while side.stands and (runs := side.active_runs()):
        if not move.wait:
            raise UsageError(
                f"{side.name}: run {runs[0]} of {move.pipeline.name} is going on: wait for it, or say --wait"
            )
        log.info("%s: waiting for run %s", side.name, runs[0])
        time.sleep(_LOOK_SECONDS)


def _settled(move: Move, action: str) -> Owners:
    """The owner, after a change that was killed is finished, when it is the one that is asked for, else undone.

    Raises:
        UsageError: whoever makes the change still lives.
    """
    seen = move.read()
    if seen.pending is None:
        return seen
    by, begun = Owner(**seen.pending["by"]), seen.pending["action"]
    # of one on another machine nobody knows whether it lives
    if by.lives and datetime.now(UTC) - datetime.fromisoformat(seen.pending["at"]) < _LONGEST:
        raise UsageError(f"process {by.pid} on {by.host} changes who owns {move.pipeline.name} now: wait for it")
    end = "finished" if begun == action else "undone"
    log.info("%s: a %s started at %s was killed; it is %s", move.pipeline.name, begun, seen.pending["at"], end)
    return _finish(move, seen) if begun == action else _undo(move, seen)


def _finish(move: Move, seen: Owners) -> Owners:
    """Pauses the losing schedule, starts the winning one, and keeps who owns it now; if that fails, all is undone.

    Raises:
        UsageError, ServiceError: why it failed.
    """
    try:
        _turn(move, Change.from_dict(seen.pending or {}))
    except (ServiceError, UsageError, KeyboardInterrupt) as error:
        _undo(move, seen)
        log.warning("%s: undone, both schedules are restored: %s", move.pipeline.name, str(error) or "interrupted")
        raise
    return move.keep(seen.ended(DONE))


def _turn(move: Move, change: Change, *, mends: bool = False) -> None:
    """Has the schedules of both sides run, or not, by what they have after the change."""
    loses = not change.after.has(change.source)
    if loses:
        _schedule(move, change.source, on=False)
    if loses or not mends:
        # one may have begun since it was looked
        _refuse_running(replace(move, wait=False), change.source)
    _schedule(move, change.target, on=True)
    if not loses:
        _schedule(move, change.source, on=True)


def _schedule(move: Move, party: Party, *, on: bool) -> None:
    side = move.side_of(party)
    if side.stands:
        side.schedule(on=on)


def _undo(move: Move, seen: Owners) -> Owners:
    """Puts both schedules as they were, that of the winner first: never do both run.

    Raises:
        ServiceError: a side does not answer: the change stays pending.
    """
    assert seen.pending is not None  # noqa: S101 - asked of those that have one
    change = Change.from_dict(seen.pending)
    for party, was in reversed([*zip((change.source, change.target), seen.pending["was"], strict=True)]):
        if was is not None:
            _schedule(move, party, on=was)
    return move.keep(seen.ended(UNDONE))

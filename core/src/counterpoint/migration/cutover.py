"""A pipeline's schedule moves from one orchestrator to another, and back; what was killed is finished or undone later.

The order: the intent is kept, the losing schedule is paused, the winning one started, the new owner kept. Each part may
be done again without harm.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError, UsageError
from counterpoint.migration import owners
from counterpoint.migration.ledger import code_of, entries, pair_of, streak_of
from counterpoint.migration.owners import CUTOVER, DONE, ROLLBACK, UNDONE, Party
from counterpoint.services.processes import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.migration.owners import Owners
    from counterpoint.migration.schedules import Side
    from counterpoint.model import Pipeline
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)
_LOOK_SECONDS = 2.0
# no change takes so long, however slowly the sides answer
_LONGEST = timedelta(minutes=20)


@dataclass(frozen=True)
class Move:
    """A pipeline whose owner may change; `side_of` gives a party's schedule, `wait` waits for what still runs."""

    objects: Objects
    pipeline: Pipeline
    side_of: Callable[[Party], Side]
    wait: bool = False

    def read(self) -> Owners:
        """Who owns it now."""
        return owners.read(self.objects, self.pipeline.name)

    def keep(self, new: Owners) -> Owners:
        """Keeps a new state of it."""
        return owners.keep(self.objects, self.pipeline.name, new)


def cut_over(move: Move, source: Party, target: Party, after: int) -> Owners:
    """Gives a pipeline from one party to another; when that owns it already, schedules are put as they should be.

    Raises:
        UsageError: equal dates are too few, somebody else owns it, or a run of the losing side has not ended.
        ServiceError: a side does not answer, or refuses: nothing is changed.
    """
    if move.pipeline.schedule is None:
        raise UsageError(f"{move.pipeline.name} has no schedule, so there is nothing to cut over: give it one")
    seen = _settled(move, CUTOVER)
    if seen.owner == target:
        _turn(move, source, target)
        return seen
    if seen.owner is not None and seen.owner != source:
        raise UsageError(f"{seen.owner} owns {move.pipeline.name}, not {source}: mend --from or --legacy")
    return _change(move, seen, CUTOVER, (source, target), _proof(move, source, target, after))


def roll_back(move: Move) -> Owners:
    """Undoes the last cut-over, also one that was not finished; without any, nothing is changed.

    Raises:
        UsageError: a run of the losing side has not ended.
        ServiceError: a side does not answer, or refuses: nothing is changed.
    """
    begun = move.read()
    seen = _settled(move, ROLLBACK)
    last = seen.cut_over()
    if begun.pending or last is None:
        return seen
    return _change(move, seen, ROLLBACK, (Party.from_dict(last["to"]), Party.from_dict(last["from"])), None)


def _proof(move: Move, source: Party, target: Party, after: int) -> dict[str, Any] | None:
    """The streak that the ledger holds; None when none is asked for.

    Raises:
        UsageError: it is too short, or its newest date was compared with other code.
    """
    if after <= 0:
        return None
    pair = pair_of(source.name, target.name, legacy=source.legacy is not None)
    found = entries(move.objects, move.pipeline.name, pair)
    streak = streak_of(found, move.pipeline.partitions)
    hint = "compare more by 'migrate shadow', or say --after 0 to go without proof"
    if streak.count < after:
        raise UsageError(f"{move.pipeline.name}, {pair}: {streak}, and --after {after} asks for {after}: {hint}")
    if found[-1]["digests"]["code"] != code_of(move.pipeline):
        raise UsageError(f"{move.pipeline.name}: its code is another one since {streak.last} was compared: {hint}")
    return streak.to_dict()


def _change(move: Move, seen: Owners, action: str, parties: tuple[Party, Party], streak: Any) -> Owners:
    """Keeps the intent, switches, keeps the end."""
    was = [_was(move.side_of(party)) for party in parties]
    _refuse_running(move, parties[0])
    source, target = (party.to_dict() for party in parties)
    about = {"action": action, "from": source, "to": target, "at": owners.now(), "streak": streak}
    pending = {**about, "was": was, "by": asdict(Owner.here())}
    return _finish(move, move.keep(replace(seen, pending=pending)))


def _was(side: Side) -> bool | None:
    """Whether a schedule is on; None where the services do not run.

    Raises:
        UsageError: its services have no schedule of the pipeline.
    """
    if not side.stands:
        return None
    found = side.scheduled()
    if found is None:
        raise UsageError(f"{side.name} has no schedule of it: start its services by 'counterpoint up'")
    return found


def _refuse_running(move: Move, loser: Party) -> None:
    """Refuses while a run of the losing side has not ended; waits for it if that is wanted."""
    side = move.side_of(loser)
    while side.stands and (runs := side.going_on()):
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
    log.info("%s: a %s was begun at %s and killed: it is %s", move.pipeline.name, begun, seen.pending["at"], end)
    return _finish(move, seen) if begun == action else _undo(move, seen)


def _finish(move: Move, seen: Owners) -> Owners:
    """Pauses the losing schedule, starts the winning one, and keeps who owns it now; if that fails, all is undone.

    Raises:
        UsageError, ServiceError: why it failed.
    """
    loser, winner = _parties(seen)
    try:
        _turn(move, loser, winner)
    except (ServiceError, UsageError, KeyboardInterrupt) as error:
        _undo(move, seen)
        log.warning("%s: undone, both schedules are as they were: %s", move.pipeline.name, str(error) or "interrupted")
        raise
    return move.keep(seen.ended(DONE))


def _turn(move: Move, loser: Party, winner: Party) -> None:
    sides = [(move.side_of(loser), False), (move.side_of(winner), True)]
    for side, on in sides:
        if side.stands:
            side.schedule(on=on)
        if not on:
            # one may have begun since it was looked
            _refuse_running(replace(move, wait=False), loser)


def _undo(move: Move, seen: Owners) -> Owners:
    """Puts both schedules as they were, that of the winner first: never do both run.

    Raises:
        ServiceError: a side does not answer: the change stays pending.
    """
    assert seen.pending is not None  # noqa: S101 - asked of those that have one
    for party, was in reversed([*zip(_parties(seen), seen.pending["was"], strict=True)]):
        side = move.side_of(party)
        if was is not None and side.stands:
            side.schedule(on=was)
    return move.keep(seen.ended(UNDONE))


def _parties(seen: Owners) -> tuple[Party, Party]:
    pending: Mapping[str, Any] = seen.pending or {}
    return Party.from_dict(pending["from"]), Party.from_dict(pending["to"])

"""Sending rejected rows to the partitions they belong to, each once, also when this is killed or run twice at once.

Three puts, in this order: the rows, in files that nobody reads yet; the ledger of the partition that they come from,
swapped for the one that was read, which decides; the objects of the partitions that they go to, which name the files.
Killed before the second, nothing was sent; killed after it, whoever comes next does the rest of the third, which puts
a name where it may stand already.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.deadletters.dead_letter_store import State, all_letters, rows_as_they_were
from counterpoint.deadletters.ledger import Ledger, Sending, append, read_ledger, senders
from counterpoint.deadletters.resubmitted import arrivals, arrive, file_of, put_file
from counterpoint.deadletters.retrying import Tried, tried_again
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.model import Step
    from counterpoint.storage import Store

DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those of the partitions between `first` and `last` that came at or before `before`."""

    before: datetime
    first: str | None = None
    last: str | None = None

    def holds(self, key: str) -> bool:
        """Whether the letters of a partition, or of an element of it, are selected."""
        day = key.partition(".")[0]
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def reprocess(
    store: Store,
    step: str | None = None,
    *,
    first: str | None = None,
    last: str | None = None,
    delay: timedelta = DELAY,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Sends the waiting rows of production that are older than a delay to their partitions; returns what was sent.

    Raises:
        UsageError: no such step takes rows back, a key has another form, or the step's function is wrong.
    """
    for key in filter(None, (first, last)):
        store.pipeline.partitions.partition(key)
    wanted = Wanted(datetime.now(UTC) - delay, first, last)
    senders = [_Sender(store, taker, wanted, dry_run=dry_run) for taker in _takers(store, step)]
    moved = [row for sender in senders for row in sender.send()]
    return {
        "pipeline": store.pipeline.name,
        "dry_run": dry_run,
        "delay_seconds": delay.total_seconds(),
        "letters": sum(row["letters"] for row in moved),
        "given_up": sum(row["given_up"] for row in moved),
        "arrived": sum(sum(row["arrived"].values()) for row in moved),
        "partitions": moved,
    }


def _takers(store: Store, name: str | None) -> list[Step]:
    """The steps whose functions accept resubmitted rows."""
    chosen = store.pipeline.steps if name is None else (store.pipeline.step(name),)
    found = [step for step in chosen if "resubmitted" in step.provided]
    if not found:
        which = f"step {name}" if name else f"no step of {store.pipeline.name}"
        takes = "takes no rejected rows back" if name else "takes rejected rows back"
        raise UsageError(f"{which} {takes}: give its function the parameter 'resubmitted'")
    return found


class _Sender:
    """Sends the waiting rows of one step."""

    def __init__(self, store: Store, step: Step, wanted: Wanted, *, dry_run: bool) -> None:
        self._store, self._step, self._wanted, self._dry_run = store, step, wanted, dry_run

    def send(self) -> list[dict[str, Any]]:
        """The report of each partition with rows that were sent, or would be."""
        due = {key for key in self._due(all_letters(self._store, self._step.name))["partition"] if self._holds(key)}
        begun = {key for key in senders(self._store, self._step.name) if self._holds(key)}
        rows = [self._from(key, self._decide(key) if key in due else None) for key in sorted(due | begun)]
        return [row for row in rows if row["letters"] or row["given_up"] or row["arrived"]]

    def _holds(self, key: str) -> bool:
        return self._wanted.holds(key)

    def _due(self, letters: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        return letters.filter(pl.col("state") == State.WAITING.value, pl.col("since") <= self._wanted.before)

    def _from(self, key: str, sending: Sending | None) -> dict[str, Any]:
        arrived: Counter[str] = Counter()
        # the decisions of a dry run are in no ledger
        decided = [sending] if sending and self._dry_run else []
        for one in (*read_ledger(self._store, self._step.name, key).sendings, *decided):
            arrived.update(self._deliver(one))
        return {
            "step": self._step.name,
            "partition": key,
            "letters": len(sending.letters) if sending else 0,
            "given_up": len(sending.given_up) if sending else 0,
            "arrived": dict(sorted(arrived.items())),
        }

    def _decide(self, key: str) -> Sending | None:
        """Decides by the ledger which rows are sent now; None when no row waits."""
        while True:
            seen = read_ledger(self._store, self._step.name, key)
            tried = self._tried(key, seen)
            if tried is None:
                return None
            sending = self._put(tried)
            if self._dry_run or append(self._store, self._step.name, key, seen, sending):
                return sending

    def _tried(self, key: str, seen: Ledger) -> Tried | None:
        due = self._due(all_letters(self._store, self._step.name, key))
        # the ledger may have changed after the states of the letters were read from it
        ids = set(due["id"]) - seen.sent - seen.given_up
        if not ids:
            return None
        names, frame = rows_as_they_were(self._store, due["version"][0], self._step.name, key)
        chosen = [number for number, name in enumerate(names) if name in ids]
        return tried_again(self._store.pipeline, self._step, key, [names[n] for n in chosen], frame[chosen])

    def _put(self, tried: Tried) -> Sending:
        files, rows = {}, {}
        for target, frame in tried.targets.items():
            name, data = file_of(tried.letters, target, frame)
            files[name], rows[name] = target, frame.height
            if not self._dry_run:
                put_file(self._store, self._step.name, name, data)
        return Sending(datetime.now(UTC).isoformat(), tried.letters, tried.given_up, files, rows)

    def _deliver(self, sending: Sending) -> Counter[str]:
        """Delivers to each partition the files that it does not have yet."""
        given: Counter[str] = Counter()
        for name, target in sending.files.items():
            if name not in arrivals(self._store, self._step.name, target):
                given[target] += sending.rows[name]
                if not self._dry_run:
                    arrive(self._store, self._step.name, target, name, sending.rows[name])
        return given

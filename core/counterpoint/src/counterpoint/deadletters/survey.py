"""The dead letters of a pipeline, counted for each step and partition, or listed row by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.deadletters.dead_letter_store import State, all_letters
from counterpoint.deadletters.ledger import read_ledger, senders
from counterpoint.deadletters.resubmitted import arrivals, receivers
from counterpoint.redaction import UNSHOWN, shows_rows

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.storage import Store


def overview(store: Store) -> dict[str, Any]:
    """The counts of waiting, failed, resubmitted, received and permanent rows, per step and partition of production."""
    rows = [row for step in store.pipeline.step_names for row in _step(store, step)]
    counts = ("waiting", "failed", "resubmitted", "received", "permanent")
    totals = {name: sum(row[name] for row in rows) for name in counts}
    return {"pipeline": store.pipeline.name, "totals": totals, "partitions": rows}


def _step(store: Store, step: str) -> list[dict[str, Any]]:
    letters = all_letters(store, step)
    keys = sorted({*letters["partition"], *senders(store, step), *receivers(store, step)})
    return [_partition(store, step, key, letters) for key in keys]


def _partition(store: Store, step: str, key: str, letters: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    own = letters.filter(pl.col("partition") == key)
    waiting = own.filter(pl.col("state") == State.WAITING.value)
    ledger = read_ledger(store, step, key)
    failed_again = own.filter(pl.col("state") == State.PERMANENT.value, ~pl.col("id").is_in(ledger.given_up))
    since = waiting["since"].min()
    return {
        "step": step,
        "partition": key,
        "waiting": waiting.height,
        "since": since.isoformat() if since else None,  # type: ignore[union-attr]  # a moment
        "failed": own.filter(pl.col("state") == State.FAILED.value).height,
        "resubmitted": len(ledger.sent),
        "received": sum(arrivals(store, step, key).values()),
        "permanent": failed_again.height + len(ledger.given_up),
    }


def shown(store: Store, step: str | None = None, partition: str | None = None, limit: int | None = None) -> Any:
    """The dead letters themselves, ordered by partition, at most `limit` of them.

    Raises:
        UsageError: there is no such step, or the partition's key has another form.
    """
    import polars as pl

    if partition is not None:
        store.pipeline.partitions.partition(partition)
    steps = store.pipeline.step_names if step is None else (store.pipeline.step(step).name,)
    found = pl.concat([all_letters(store, name).with_columns(step=pl.lit(name)) for name in steps])
    if partition is not None:
        # the elements of a mapped step are named behind their partition
        found = found.filter(pl.col("partition").str.split(".").list.first() == partition)
    names = ("step", "partition", "id", "state", "since", "reason", "column", "origin", "run_id", "row")
    rows = found.head(limit or found.height).select(names).to_dicts()
    return {"pipeline": store.pipeline.name, "total": found.height, "rows": [_readable(row) for row in rows]}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    values = {**row, "since": row["since"].isoformat()}
    if shows_rows():
        return {**values, "row": json.loads(row["row"])}
    return {**values, "row": None, "reason": _without_value(row["reason"], row["column"])}


def _without_value(reason: str | None, column: str | None) -> str:
    """The column and check of a reason in the form of `split`; empty for a step's own wording."""
    worded = bool(column) and str(reason).startswith(f"{column}, ")
    return str(reason).partition(": ")[0] if worded else f"{column or 'a row'} {UNSHOWN}"

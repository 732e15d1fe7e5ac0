"""The store of a step's rejected rows, per partition and version, with reason, origin and time of arrival."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING

from counterpoint.deadletters.identity import failed_again, identities, texts
from counterpoint.deadletters.ledger import read_ledger
from counterpoint.model import PRODUCTION
from counterpoint.storage import layout
from counterpoint.storage.digests import canonical
from counterpoint.storage.objects import guarded
from counterpoint.storage.tables import files_of, open_table, read_partition, remote, replace_partition

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.model import Materialization, Step
    from counterpoint.storage import Store
    from counterpoint.storage.objects import Objects

_TOLD = ("reason", "column", "origin")
_SCHEMA = ("id", "number", "since", "again", *_TOLD, "row", "run_id")


class State(StrEnum):
    """The state of a rejected row."""

    WAITING = "waiting"  # the next `reprocess` takes it
    FAILED = "failed"  # its partition failed with it, and has to be corrected and rerun as a whole
    RESUBMITTED = "resubmitted"
    PERMANENT = "permanent"  # rejected again, or given up by the step's `reprocess` function


def keep(
    store: Store, step: Step, partition: str, rejected: pl.DataFrame, run_id: str, again: pl.DataFrame | None = None
) -> int:
    """Stores the rejected rows of a partition, replacing those of an earlier attempt; returns their number.

    `again` are the resubmitted rows that the step was given: of these, rejected ones are permanent. A row that was
    rejected before keeps the time when it came. The rows as they were, with their types, are kept in the first one.
    """
    uri = _uri(store, store.version, step.name)
    if rejected.is_empty() and open_table(uri) is None:
        return 0
    rows = _described(store, step, partition, rejected, again)
    column = store.pipeline.partitions.kind.value
    replace_partition(uri, canonical(rows.with_columns(run_id=_text(run_id))), column, partition)
    return rejected.height


def _uri(store: Store, version: str, step: str) -> str:
    return store.uri(layout.dead_letters_table(version, store.pipeline.name, step))


def _text(value: str) -> pl.Expr:
    import polars as pl

    return pl.lit(value, pl.String)


def _described(
    store: Store, step: Step, partition: str, rejected: pl.DataFrame, resubmitted: pl.DataFrame | None
) -> pl.DataFrame:
    import polars as pl

    again = failed_again(rejected, resubmitted)
    ids = identities(step.name, partition, rejected, again)
    known, now = _since(store, step.name, partition), datetime.now(UTC)
    buffer = BytesIO()
    rejected.write_parquet(buffer)
    whole = [buffer.getvalue(), *[None] * rejected.height][: rejected.height]
    return pl.DataFrame(
        {
            "id": pl.Series(ids, dtype=pl.String),
            "number": pl.Series(range(rejected.height), dtype=pl.Int64),
            "since": pl.Series([known.get(name, now) for name in ids], dtype=pl.Datetime("us", "UTC")),
            "again": pl.Series(again, dtype=pl.Boolean),
            **{name: rejected[name].cast(pl.String) for name in _TOLD if name in rejected.columns},
            "row": pl.Series(texts(rejected), dtype=pl.String),
            "frame": pl.Series(whole, dtype=pl.Binary),
        }
    )


def _since(store: Store, step: str, partition: str) -> dict[str, datetime]:
    """The arrival times of a partition's letters, in this version, otherwise in production."""
    arrivals: dict[str, datetime] = {}
    for version in dict.fromkeys((PRODUCTION, store.version)):
        arrivals |= dict(_table(store, version, step, partition).select("id", "since").iter_rows())
    return arrivals


def all_letters(store: Store, step: str, partition: str | None = None) -> pl.DataFrame:
    """The dead letters of a step's outputs in production, and of partitions that failed there.

    Columns: partition, version (of the data), id, number, since, again, reason, column, origin, row, run_id, and
    state; ordered by partition and number. `partition` chooses one.
    """
    import polars as pl

    entries = store.entries(step) if partition is None else {partition: store.entry(step, partition)}
    standing = {key: (_version(store, one), one.run_id) for key, one in entries.items() if one}
    versions = sorted({PRODUCTION, *(version for version, _ in standing.values())})
    rows = pl.concat([_table(store, version, step, partition) for version in versions])
    stands = pl.DataFrame(
        [(key, *origin) for key, origin in standing.items()],
        dict.fromkeys(("partition", "version", "standing_run"), pl.String()),
        orient="row",
    )
    found = rows.join(stands, on=["partition", "version"], how="left")
    # where a version was promoted, its own letters are those of what stands
    elsewhere = pl.col("standing_run").is_null() & pl.col("partition").is_in(list(standing))
    found = found.filter(~elsewhere).sort("partition", "number")
    return _with_states(store, step, found).drop("standing_run")


def _with_states(store: Store, step: str, found: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    ledgers = [read_ledger(store, step, key) for key in found["partition"].unique()]
    sent = [name for ledger in ledgers for name in ledger.sent]
    given_up = [name for ledger in ledgers for name in ledger.given_up]
    state = (
        pl.when(pl.col("standing_run").is_null() | (pl.col("standing_run") != pl.col("run_id")))
        .then(_text(State.FAILED.value))
        .when(pl.col("again") | pl.col("id").is_in(given_up))
        .then(_text(State.PERMANENT.value))
        .when(pl.col("id").is_in(sent))
        .then(_text(State.RESUBMITTED.value))
        .otherwise(_text(State.WAITING.value))
    )
    return found.with_columns(state=state)


def _version(store: Store, entry: Materialization) -> str:
    """The version in which an output was made."""
    return entry.origin or layout.version_of(store.path(entry.reference.uri))


def _table(store: Store, version: str, step: str, partition: str | None) -> pl.DataFrame:
    """The letters of a version, without the rows as they were."""
    import polars as pl

    kinds = {"number": pl.Int64(), "since": pl.Datetime("us", "UTC"), "again": pl.Boolean()}
    schema = {name: kinds.get(name, pl.String()) for name in (*_SCHEMA, "partition")}
    uri, column = _uri(store, version, step), store.pipeline.partitions.kind.value
    with guarded(uri):
        table = open_table(uri)
        files = [] if table is None else files_of(table).select("path", f"partition.{column}").rows()
        frames = [
            pl.read_parquet(f"{uri}/{path}", glob=False, hive_partitioning=False, **remote(uri)).with_columns(
                partition=_text(key)
            )
            for path, key in files
            if partition in {None, key}
        ]
    found = pl.concat([pl.DataFrame(schema=schema), *frames], how="diagonal").select(list(schema))
    return found.with_columns(version=_text(version))


def rows_as_they_were(store: Store, version: str, step: str, partition: str) -> tuple[list[str], pl.DataFrame]:
    """The ids of a partition's letters, and their rows with the original column types."""
    import polars as pl

    found = read_partition(_uri(store, version, step), None, store.pipeline.partitions.kind.value, partition)
    found = found.sort("number")
    frame = pl.read_parquet(BytesIO(found["frame"][0]))
    return found["id"].to_list(), frame


def runs_of_letters(objects: Objects) -> set[str]:
    """The ids of the runs that stored dead letters below a root, of all pipelines and versions."""
    import polars as pl

    run_ids: set[str] = set()
    for path in sorted(set(filter(None, map(layout.dead_letters_table_of, objects.list(layout.DEAD_LETTERS))))):
        uri = objects.uri(path)
        with guarded(uri):
            table = open_table(uri)
            files = files_of(table)["path"].to_list() if table else []
            for file in files:
                rows = pl.read_parquet(f"{uri}/{file}", columns=["run_id"], glob=False, **remote(uri))
                run_ids.update(rows["run_id"].to_list())
    return run_ids

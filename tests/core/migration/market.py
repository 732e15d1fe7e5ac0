"""A pipeline of five steps on generated orders, and the same outputs as a DAG of somebody else's leaves them in files.

A mutant changes the outputs of one step as they are made, so all that is made of them is changed, too.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.model import Materialization, Output, OutputKind, Partitions, Pipeline, WindowPolicy, step, windowed
from counterpoint.storage import Model
from counterpoint.storage.models import encode
from counterpoint_migrate.validate.data_sides import RunSide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint.model import Partition

    # of a step's name, its output and its partition: another output
    Change = Callable[[str, Any, Partition], Any]

PARTITIONS = Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK)
ROWS = 120


def stream(seed: int, first: datetime, last: datetime) -> pl.DataFrame:
    """All orders between two moments, whatever days are asked for."""
    days = []
    day = first.replace(hour=0, minute=0, second=0)
    while day < last:
        days.append(_of_day(seed, day))
        day += timedelta(days=1)
    rows = pl.concat(days)
    return rows.filter(pl.col("at").is_between(first, last, closed="left"))


def _of_day(seed: int, day: datetime) -> pl.DataFrame:
    drawn = np.random.default_rng([seed, day.toordinal()])
    count = ROWS + int(drawn.integers(0, 20))
    seconds = np.sort(drawn.choice(86_400, count, replace=False))
    return pl.DataFrame(
        {
            "order_id": [f"{day:%m%d}-{number}" for number in range(count)],
            "customer": drawn.integers(0, 25, count),
            "status": drawn.choice(["paid", "sent", "cancelled"], count, p=[0.5, 0.4, 0.1]),
            "at": [day + timedelta(seconds=int(second)) for second in seconds],
            "cents": drawn.integers(100, 9_000, count),
            "weight": drawn.normal(2, 0.3, count),
            "discount": pl.Series(drawn.normal(3, 1, count)).set(pl.Series(drawn.random(count) < 0.2), None),
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


def orders(partition, seed):
    return stream(seed, partition.start, partition.end)


def valid(orders):
    return orders.filter(pl.col("status") != "cancelled")


def spending(days, partition):
    rows = pl.concat(list(days.values()))
    sums = rows.group_by("customer").agg(
        pl.len().cast(pl.Int64).alias("orders"), pl.col("cents").sum(), (pl.col("cents").sum() / 3).alias("third")
    )
    return sums.with_columns(pl.lit(partition.key).alias("until"))


def model(spending, seed):
    drawn = np.random.default_rng([seed, int(spending.to_series(2).sum())])
    weights = {name: drawn.normal(size=(4, 3)).astype(np.float32) for name in ("users", "items", "bias")}
    return Model(weights, {"rows": len(spending)}, {"loss": 0.25})


def score(model, spending):
    return {"mean": float(np.mean(model.weights["users"])), "customers": len(spending)}


def _table() -> Output:
    return Output(OutputKind.TABLE)


shop = Pipeline(
    "shop",
    (
        step("market:orders", output=_table(), inputs={}),
        step("market:valid", output=_table()),
        step("market:spending", output=_table(), inputs={"days": windowed("valid", "t-2..t")}),
        step("market:model", output=Output(OutputKind.MODEL)),
        step("market:score", output=Output(OutputKind.METRICS)),
    ),
    PARTITIONS,
    config={"seed": 7},
)

LEGACY = """
[steps.orders]
parquet = "orders/{date:%Y%m%d}.parquet"
key = ["order_id"]
[steps.valid]
table = "valid"
where = "day"
[steps.spending]
parquet = "spending/{date}.parquet"
key = ["customer"]
[steps.model]
model = "model/{date}"
[steps.score]
json = "score/{date}.json"
"""


def keys(first: str, last: str) -> tuple[str, ...]:
    return PARTITIONS.range(first, last)


def leave(folder: Path, first: str, last: str, seed: int = 7, change: Change | None = None) -> Path:
    """Writes what a DAG of somebody else's would have left; `change` has the last word on each."""
    made: dict[tuple[str, str], Any] = {}
    changed = change or (lambda _step, value, _partition: value)
    for key in keys(PARTITIONS.start, last):
        partition = PARTITIONS.partition(key)
        of_day = made_of_day(partition, seed, made, changed)
        made |= {(name, key): value for name, value in of_day.items()}
    for (name, key), value in made.items():
        if key >= first and name != "valid":
            write(folder, name, key, value)
    days = [value.with_columns(pl.lit(key).alias("day")) for (name, key), value in made.items() if name == "valid"]
    pl.concat(days).filter(pl.col("day") >= first).write_delta(
        str(folder / "valid"), delta_write_options={"partition_by": ["day"]}
    )
    file = folder / "legacy.toml"
    file.write_text(LEGACY, encoding="utf-8")
    return file


def made_of_day(partition: Any, seed: int, made: dict[tuple[str, str], Any], change: Change) -> dict[str, Any]:
    of_day: dict[str, Any] = {}
    of_day["orders"] = change("orders", orders(partition, seed), partition)
    of_day["valid"] = change("valid", valid(of_day["orders"]), partition)
    window = keys(PARTITIONS.start, partition.key)[-3:]
    days = {key: of_day["valid"] if key == partition.key else made["valid", key] for key in window}
    of_day["spending"] = change("spending", spending(days, partition), partition)
    of_day["model"] = change("model", model(of_day["spending"], seed), partition)
    of_day["score"] = change("score", score(of_day["model"], of_day["spending"]), partition)
    return of_day


def write(folder: Path, name: str, key: str, value: Any) -> None:
    """Puts an output, but one of the Delta table, where the legacy file says that it lies."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    if name == "model":
        (place / key).mkdir()
        for file, data in encode(value).items():
            (place / key / file).write_bytes(data)
    elif name == "score":
        (place / f"{key}.json").write_text(json.dumps(value), encoding="utf-8")
    else:
        value.write_parquet(place / f"{key.replace('-', '') if name == 'orders' else key}.parquet")


def stand(root: Path, first: str, last: str, seed: int = 7) -> RunSide:
    """A side as a backfill would have left it, from the first date of the pipeline on; without processes."""
    side = RunSide("dagster", str(root), "market:shop", {"seed": seed}, "1.13")
    made: dict[tuple[str, str], Any] = {}
    for key in keys(PARTITIONS.start, last):
        of_day = made_of_day(PARTITIONS.partition(key), seed, made, lambda _step, value, _partition: value)
        made |= {(name, key): value for name, value in of_day.items()}
        for name, value in of_day.items() if key >= first else ():
            reference = side.store.write(shop.step(name), key, value, "0123456789abcdef")
            side.store.publish(Materialization(reference, "f", {}, "0123456789abcdef", "code", f"run-{key}"))
    return side

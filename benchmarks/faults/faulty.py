"""A small pipeline of six steps in which every partition may carry one fault: what the fault matrix runs.

The folder holds a CSV a day, and beside it `DATE.fault` with the name of the fault that this day carries. A day whose
fault was mended has no such file. The functions are what a team would write; the faults are put in by `trouble`.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from counterpoint.contracts import Validated, split
from counterpoint.errors import SourceError
from counterpoint.model import (
    Observed,
    Output,
    OutputKind,
    Partition,
    Partitions,
    Pipeline,
    RetryPolicy,
    TriggerRule,
    step,
)

SCHEMA = {"order_id": pl.Int64, "amount": pl.Float64, "at": pl.Datetime("us", "UTC")}
# minutes in one call of C code, which no signal handler interrupts
_C_ROUNDS = 400_000_000
_ROOM = 64 * 2**20


def orders(partition: Partition, folder: str) -> pl.DataFrame:
    """The orders of a day."""
    trouble("orders", partition, folder)
    return pl.read_csv(Path(folder) / f"{partition.key}.csv", schema_overrides=SCHEMA)


def newest(partition: Partition, folder: str) -> Observed:
    """What the source of a day is now, and how new its newest order is."""
    path = Path(folder) / f"{partition.key}.csv"
    if not path.exists():
        raise SourceError(f"there is no {path}: put the day's orders there")
    data = path.read_bytes()
    stamps = [line.rsplit(",", 1)[1] for line in data.decode().splitlines()[1:]]
    as_of = datetime.fromisoformat(max(stamps)).astimezone(UTC) if stamps else None
    return Observed(hashlib.sha256(data).hexdigest(), as_of)


def checked(orders: pl.DataFrame, partition: Partition, folder: str) -> Validated:
    """The orders that keep the contract."""
    import pandera.polars as pa  # two seconds, which the other steps need not pay

    trouble("checked", partition, folder)
    contract = pa.DataFrameSchema(
        {
            "order_id": pa.Column(pl.Int64),
            "amount": pa.Column(pl.Float64, pa.Check.ge(0)),
            "at": pa.Column(SCHEMA["at"]),
        },
        name="orders",
    )
    return split(contract, orders, max_bad_rate=0.1)


def features(checked: pl.DataFrame, partition: Partition, folder: str) -> pl.DataFrame:
    """The day's sums."""
    trouble("features", partition, folder)
    return checked.select(pl.col("amount").sum().alias("total"), pl.len().alias("orders"))


def left_evaluation(features: pl.DataFrame, partition: Partition, folder: str) -> dict[str, float]:
    """A metric."""
    trouble("left_evaluation", partition, folder)
    return {"mean": features["total"][0] / features["orders"][0]}


def right_evaluation(features: pl.DataFrame) -> dict[str, float]:
    """Another one."""
    return {"orders": float(features["orders"][0])}


def report(left_evaluation: dict[str, float] | None, right_evaluation: dict[str, float] | None) -> dict[str, object]:
    """What both say; None stands for one that failed."""
    return {"left": left_evaluation, "right": right_evaluation}


def trouble(at: str, partition: Partition, folder: str) -> None:
    """Does what the day's fault does in a step."""
    file = Path(folder) / f"{partition.key}.fault"
    fault = file.read_text(encoding="ascii") if file.exists() else ""
    if (at, fault) in _TROUBLES:
        _TROUBLES[at, fault](Path(folder) / partition.key)


def _bug(_: Path) -> None:
    return undefined_limit  # noqa: F821 - the bug


def _heals(place: Path) -> None:
    mark = place.with_suffix(".tried")
    if not mark.exists():
        mark.touch()
        raise ConnectionError("the lake refused the connection")


def _stays(_: Path) -> None:
    raise ConnectionError("the lake refused the connection")


def _hangs(_: Path) -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", _C_ROUNDS)


def _is_killed(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _eats(_: Path) -> None:
    """Asks for more memory than its process may have; the limit is lifted again for who shares the process."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _ROOM, before[1]))
    try:
        eaten = [bytearray(_ROOM // 8) for _ in range(64)]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    raise AssertionError(f"{len(eaten)} blocks were given in spite of the limit")


def _fails(_: Path) -> None:
    raise KeyError("mean")


_TROUBLES = {
    ("checked", "bug_in_validation"): _bug,
    ("orders", "transient_that_heals"): _heals,
    ("orders", "transient_that_stays"): _stays,
    ("features", "timeout_in_c"): _hangs,
    ("checked", "killed"): _is_killed,
    ("checked", "out_of_memory"): _eats,
    ("left_evaluation", "one_evaluation_fails"): _fails,
}

pipeline = Pipeline(
    "faulty",
    (
        step(
            orders,
            output=Output(OutputKind.TABLE),
            retry=RetryPolicy(retries=1, delay=timedelta(seconds=1)),
            observe="faulty:newest",
            max_input_age=timedelta(days=2),
        ),
        step(checked, output=Output(OutputKind.TABLE)),
        step(features, output=Output(OutputKind.TABLE), timeout=timedelta(seconds=20)),
        step(left_evaluation, output=Output(OutputKind.METRICS)),
        step(right_evaluation, output=Output(OutputKind.METRICS)),
        step(report, output=Output(OutputKind.VALUE), trigger_rule=TriggerRule.ALL_DONE),
    ),
    Partitions(start="2026-01-01"),
    config={"folder": ""},
    description="A day's orders, checked, summed up, and evaluated twice.",
)

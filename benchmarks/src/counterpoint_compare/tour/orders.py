"""The pipeline of the tour, with a window of three days; the tour adds a bug to its validation."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import ContractError
from counterpoint.model import (
    Observed,
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    Schedule,
    WindowPolicy,
    step,
    windowed,
)

if TYPE_CHECKING:
    from counterpoint.model import Partition

VALUE = Output(OutputKind.VALUE)
HIGHEST_AMOUNT = 10_000.0


def raw_orders(partition: Partition, folder: str) -> list[float]:
    """The amounts of a day's orders."""
    with (Path(folder) / f"{partition.key}.csv").open(newline="", encoding="utf-8") as file:
        return [float(row["amount"]) for row in csv.DictReader(file)]


def newest(partition: Partition, folder: str) -> Observed:
    """The state of a day's file: if it is repaired, the day is computed again."""
    return Observed(hashlib.sha256((Path(folder) / f"{partition.key}.csv").read_bytes()).hexdigest())


def checked(raw_orders: list[float]) -> list[float]:
    """The amounts, none of which may be negative or absurdly high."""
    wrong = [amount for amount in raw_orders if not 0 <= amount <= HIGHEST_AMOUNT]
    if wrong:
        raise ContractError(
            f"{len(wrong)} of {len(raw_orders)} amounts are wrong, such as {wrong[0]}: repair the day's file"
        )
    return raw_orders


def features(days: dict[str, list[float]]) -> dict[str, float]:
    """The sums of three days."""
    return {day: sum(amounts) for day, amounts in days.items()}


def model(features: dict[str, float]) -> float:
    """A forecast: the mean of the sums."""
    return sum(features.values()) / len(features)


def published(model: float) -> dict[str, float]:
    """The published forecast."""
    return {"forecast": round(model, 2)}


pipeline = Pipeline(
    "orders",
    description="A day's orders, checked, summed up over three days, and a forecast.",
    partitions=Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    schedule=Schedule("0 2 * * *"),
    config={"folder": ""},
    steps=(
        step(raw_orders, output=VALUE, observe="orders:newest"),
        step(checked, output=VALUE),
        step(features, inputs={"days": windowed("checked", "t-2..t")}, output=VALUE),
        step(model, output=VALUE),
        step(published, output=VALUE),
    ),
)

"""The input of the matrix: a CSV a day, each with its fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from expected import FAULTS

if TYPE_CHECKING:
    from pathlib import Path

FIRST = datetime(2026, 1, 2, tzinfo=UTC)
HEADER = "order_id,amount,at\n"
_ROWS = 20
DATES = {fault.name: f"{FIRST + timedelta(days=number):%Y-%m-%d}" for number, fault in enumerate(FAULTS)}


def healthy(date: str, *, bad: int = 0, age: timedelta = timedelta(0)) -> str:
    """The orders of a day; the first `bad` break the contract, and all are as old as `age`."""
    start = datetime.fromisoformat(date).replace(tzinfo=UTC) - age
    amounts = [-1.0 if number < bad else number + 0.5 for number in range(_ROWS)]
    rows = [f"{n},{amount},{(start + timedelta(hours=n)).isoformat()}\n" for n, amount in enumerate(amounts)]
    return HEADER + "".join(rows)


def put(folder: Path, fault: str) -> None:
    """Puts a day with its fault in place."""
    date = DATES[fault]
    text = {
        "contract_breach": healthy(date, bad=10),
        "empty_input": "",
        "header_only": HEADER,
        "stale_input": healthy(date, age=timedelta(days=8)),
    }.get(fault, healthy(date))
    (folder / f"{date}.csv").write_text(text, encoding="ascii")
    (folder / f"{date}.fault").write_text(fault, encoding="ascii")


def mend(folder: Path, fault: str) -> None:
    """Takes the fault away."""
    date = DATES[fault]
    (folder / f"{date}.csv").write_text(healthy(date), encoding="ascii")
    (folder / f"{date}.fault").unlink(missing_ok=True)

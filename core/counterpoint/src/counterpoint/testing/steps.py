"""The step functions of the scenarios: plain, quick, and importable in any worker process."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import SourceError
from counterpoint.testing.evidence import alive, attempt_number, one_of_at_most

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Outcome, Partition

# some ten seconds in one call of C code, which no signal handler interrupts
_C_ROUNDS = 20_000_000
_LARGE = 512 * 1024**2


def numbers(partition: Partition) -> list[int]:
    """Three numbers that depend on the partition."""
    return [partition.start.month, partition.start.day, partition.start.hour]


def total(numbers: Sequence[int], offset: int) -> int:
    """The sum of numbers and a setting."""
    return sum(numbers) + offset


def mean(value: int) -> dict[str, float]:
    """A metric."""
    return {"mean": value / 3}


def constant(offset: int) -> int:
    """A setting."""
    return offset


def slowly(numbers: Sequence[int]) -> int:
    """Takes long enough to reveal a step that does not wait for it."""
    time.sleep(0.5)
    return len(numbers)


def doubled(numbers: Sequence[int]) -> list[int]:
    """Each number twice as large."""
    return [2 * number for number in numbers]


def joined(left: Any, right: Any) -> list[Any]:
    """Both inputs; None for an input that failed or was skipped."""
    return [left, right]


def in_pool(value: int, folder: str, name: str) -> int:
    """Fails if more than two steps of the pool run at once."""
    with one_of_at_most(2, f"{folder}/pool", name):
        return value


def pooled_a(fan_source: int, folder: str) -> int:
    """One of those in the pool."""
    return in_pool(fan_source + 1, folder, "a")


def pooled_b(fan_source: int, folder: str) -> int:
    """One of those in the pool."""
    return in_pool(fan_source + 2, folder, "b")


def pooled_c(fan_source: int, folder: str) -> int:
    """One of those in the pool."""
    return in_pool(fan_source + 3, folder, "c")


def pooled_d(fan_source: int, folder: str) -> int:
    """One of those in the pool."""
    return in_pool(fan_source + 4, folder, "d")


def gathered(a: int, b: int, c: int, d: int) -> list[int]:
    """The results of those in the pool."""
    return [a, b, c, d]


def chosen(offset: int) -> str:
    """A branch."""
    return "large" if offset > 0 else "small"


def fails(value: Any) -> int:
    """Fails."""
    raise RuntimeError(f"this step always fails, here with {value!r}")


def fails_twice(offset: int, folder: str) -> int:
    """Fails at the first two attempts."""
    number = attempt_number(folder, "fails_twice")
    if number <= 2:  # noqa: PLR2004
        raise RuntimeError(f"attempt {number} fails")
    return offset


def fails_always(offset: int, folder: str) -> int:
    """Fails at every attempt."""
    raise RuntimeError(f"attempt {attempt_number(folder, 'fails_always')} fails, {offset}")


def fails_for_good(offset: int, folder: str) -> int:
    """Fails with an error that must not be retried."""
    number = attempt_number(folder, "fails_for_good")
    raise SourceError(f"attempt {number} of {offset}: there is nothing to read; another attempt cannot help")


def fails_six_times(offset: int, folder: str) -> int:
    """Fails at the first six attempts."""
    number = attempt_number(folder, "fails_six_times")
    if number <= 6:  # noqa: PLR2004
        raise RuntimeError(f"attempt {number} fails")
    return offset


def endless(offset: int, folder: str) -> str:
    """Works for some ten seconds in C code."""
    with alive(folder, "endless"):
        return _work_in_c(offset)


def too_slow_at_first(offset: int, folder: str) -> int:
    """Works for some ten seconds at the first attempt, and for most of its time at the second."""
    if attempt_number(folder, "too_slow_at_first") == 1:
        _work_in_c(offset)
    time.sleep(1.5)
    return offset


def killed_at_first(offset: int, folder: str) -> int:
    """Kills its own process at the first attempt, like a system that is out of memory."""
    if attempt_number(folder, "killed_at_first") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return offset


def variable_of_threads() -> str:
    """The number of threads that libraries may start."""
    return os.environ.get("OMP_NUM_THREADS", "unset")


def greeting() -> str:
    """A variable, which one step declares."""
    return os.environ.get("COUNTED_BY", "unset")


def too_large_at_first(offset: int, folder: str) -> int:
    """Exceeds its memory at the first attempt."""
    if attempt_number(folder, "too_large_at_first") == 1:
        too_large(offset)
    return offset


def too_large(offset: int) -> int:
    """Allocates twice its memory, and keeps it for a while."""
    buffer = bytearray(os.urandom(_LARGE))
    time.sleep(2)
    return len(buffer) + offset


def _work_in_c(offset: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", b"counterpoint", str(offset).encode(), _C_ROUNDS).hex()


def events(partition: Partition) -> Any:
    """A table with as many rows as the day of the month."""
    import polars as pl

    return pl.DataFrame({"number": list(range(partition.start.day)), "name": [partition.key] * partition.start.day})


def hours(partition: Partition) -> float:
    """The length of the partition in hours."""
    return (partition.end - partition.start).total_seconds() / 3600


def by_week(weeks: Mapping[str, float]) -> dict[str, float]:
    """The lengths of the weeks of a window."""
    return dict(weeks)


def counts(table: Any) -> Any:
    """The partial aggregate of one day."""
    return table.select(rows=table["number"].count(), total=table["number"].sum())


def window_counts(days: Mapping[str, Any]) -> dict[str, list[int]]:
    """Rows and sums of each day of the window, in its order."""
    return {key: list(table.row(0)) for key, table in days.items()}


def window_rows(days: Mapping[str, Any]) -> list[int]:
    """The rows of the days before."""
    return [table.height for table in days.values()]


def told(outcomes: Mapping[str, Outcome], idempotency_key: str, folder: str) -> dict[str, Any]:
    """Fails once, then returns the outcomes of its upstream steps; both attempts must get the same key."""
    number = attempt_number(folder, "told")
    (Path(folder) / f"told-{idempotency_key}.key").touch()
    if number == 1:
        raise RuntimeError("the first attempt fails after it has acted")
    keys = len(list(Path(folder).glob("told-*.key")))
    return {
        "keys": keys,
        **{name: [outcome.status, outcome.error, outcome.message] for name, outcome in outcomes.items()},
    }


def sent(folder: str) -> None:
    """Has an effect, and no output."""
    attempt_number(folder, "sent")


def squared(number: int) -> int:
    """One element."""
    return number * number


def scaled(factor: int, numbers: Sequence[int]) -> int:
    """One element of a setting, with an ordinary input beside it."""
    return factor * sum(numbers)


def element(number: int, folder: str) -> int:
    """One element of seven: the sixth fails at every attempt, the seventh at the first."""
    attempt = attempt_number(folder, f"element_{number}")
    if number == 6 or (number == 7 and attempt == 1):  # noqa: PLR2004
        raise RuntimeError(f"element {number} fails at attempt {attempt}")
    return number


def counted_first(offset: int, folder: str) -> int:
    """A setting; its calls are counted."""
    attempt_number(folder, "counted_first")
    return offset


def counted_last(value: int, folder: str) -> int:
    """Its input; its calls are counted."""
    attempt_number(folder, "counted_last")
    return value


def before_marker(offset: int, folder: str) -> int:
    """Shows that the step that waits for a marker may start, so that the marker is created later."""
    attempt_number(folder, "before_marker")
    return offset

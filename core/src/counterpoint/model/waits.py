"""What a step waits for beside the steps before it: a marker, a table, a partition of another pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from counterpoint.errors import DefinitionError


class WaitKind(StrEnum):
    """What is waited for."""

    MARKER = "marker"
    TABLE = "table"
    PARTITION = "partition"


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that must be there before a step begins; `marker`, `table_written` and `partition_of` make one.

    `target` is the URI or path of a marker or a Delta table, with `{partition}` in it where the partition's key belongs
    (a relative path lies below the root), or the name of another pipeline; `step` is that pipeline's step. It is looked
    for every `poll`, and the step fails when it is not there `timeout` after it could have begun.
    """

    kind: WaitKind
    target: str
    step: str | None = None
    poll: timedelta = timedelta(minutes=5)
    timeout: timedelta = timedelta(hours=2)

    def __post_init__(self) -> None:
        if self.poll <= timedelta(0) or self.timeout < self.poll:
            raise DefinitionError(f"{self}: poll must be above zero, and timeout not below poll")

    def place(self, partition: str) -> str:
        """The target for a partition; `file://` is left out."""
        return self.target.replace("{partition}", partition).removeprefix("file://")

    def of(self, partition: str) -> str:
        """What is waited for, in words, for a partition."""
        if self.kind is WaitKind.PARTITION:
            return f"{self.step} of {self.target} for {partition}"
        return f"{self.kind.value} {self.place(partition)}"


def marker(uri: str, *, poll: timedelta = timedelta(minutes=5), timeout: timedelta = timedelta(hours=2)) -> Wait:
    """Waits until an object is there, such as `s3://lake/{partition}/_SUCCESS`."""
    return Wait(WaitKind.MARKER, uri, None, poll, timeout)


def table_written(uri: str, *, poll: timedelta = timedelta(minutes=5), timeout: timedelta = timedelta(hours=2)) -> Wait:
    """Waits until a Delta table was written at or after the end of the partition."""
    return Wait(WaitKind.TABLE, uri, None, poll, timeout)


def partition_of(
    pipeline: str, step: str, *, poll: timedelta = timedelta(minutes=5), timeout: timedelta = timedelta(hours=2)
) -> Wait:
    """Waits until the same partition of a step of another pipeline stands in production, whatever runs it."""
    return Wait(WaitKind.PARTITION, pipeline, step, poll, timeout)

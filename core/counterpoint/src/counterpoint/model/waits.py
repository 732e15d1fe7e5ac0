"""What a step waits for besides its upstream steps: data, another pipeline, another orchestrator, a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from counterpoint.errors import DefinitionError
from counterpoint.model.partitions import Window


class WaitKind(StrEnum):
    """The kind of thing that a step waits for."""

    MARKER = "marker"
    TABLE = "table"
    PARTITION = "partition"
    AIRFLOW_RUN = "airflow_run"
    DAGSTER_ASSET = "dagster_asset"
    APPROVAL = "approval"


BRIDGES = {WaitKind.AIRFLOW_RUN: "run of the Airflow DAG", WaitKind.DAGSTER_ASSET: "Dagster asset"}
_URL_SUFFIX = "_URL"
# what says nothing is left out of the JSON value, which stays as it was for waits that do not use the field
_SPARSE = {"omit_default": True}


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that must exist before a step begins; `marker` and the functions after it create waits.

    `target` is the URI or path of a marker or a Delta table, with `{partition}` in place of the partition's key (a
    relative path lies below the root), or the name of another pipeline, whose step is `step`. It is checked every
    `poll`, and the step fails if it does not exist `timeout` after the step could have begun.

    On another orchestrator, whose address the variable `url_variable` holds, `target` is the id of an Airflow DAG with
    a run whose logical date lies `shift` after the partition's start, or the key of a Dagster asset (`a/b`) whose
    partition key is that start in the format `key_format` (None: it has no partitions).

    For an approval, `target` is the note for the person who decides, and `by` has the names of those who may (empty:
    anyone).

    Of another pipeline, `offset` and `window` say which partitions (see `PartitionMapping`), and `parameter` is the one
    that receives what they hold; None: it is waited for only.
    """

    kind: WaitKind
    target: str
    step: str | None = None
    poll: timedelta = timedelta(minutes=5)
    timeout: timedelta = timedelta(hours=2)
    url_variable: str | None = None
    shift: timedelta = timedelta(0)
    key_format: str | None = None
    by: tuple[str, ...] = ()
    offset: int = field(default=0, metadata=_SPARSE)
    window: Window | None = field(default=None, metadata=_SPARSE)
    parameter: str | None = field(default=None, metadata=_SPARSE)

    def __post_init__(self) -> None:
        if (self.kind in BRIDGES) != (self.url_variable or "").endswith(_URL_SUFFIX):
            raise DefinitionError(
                f"{self}: url_variable is the variable that holds the address of the other orchestrator; its name ends"
                f" with {_URL_SUFFIX}"
            )
        if self.poll <= timedelta(0) or self.timeout < self.poll:
            raise DefinitionError(f"{self}: poll must be above zero, and timeout not below poll")

        if self.by and self.kind is not WaitKind.APPROVAL:
            raise DefinitionError(f"{self}: by has the names of those who may approve, of an approval alone")
        self._refuse_shift()

    def _refuse_shift(self) -> None:
        offset: object = self.offset
        if not isinstance(offset, int) or isinstance(offset, bool) or offset > 0:
            raise DefinitionError(
                f"{self.source}: shift={offset!r} is no number of earlier partitions: write 0, or -1 for the one"
                " before; a run does not wait for what comes after it"
            )
        if self.offset and self.window:
            raise DefinitionError(
                f"{self.source}: the window {self.window} has its own offsets, so drop shift={self.offset}"
            )

    @property
    def source(self) -> str:
        """The step of another pipeline, as `pipeline.step`."""
        return f"{self.target}.{self.step}"

    @property
    def looks_back(self) -> bool:
        """Whether it is for earlier partitions of another pipeline alone."""
        return self.offset < 0 or (self.window is not None and self.window.last < 0)

    def place(self, partition: str) -> str:
        """The target for a partition, without `file://`."""
        return self.target.replace("{partition}", partition).removeprefix("file://")

    def of(self, partition: str) -> str:
        """What is waited for, in words, for a partition."""
        if self.kind is WaitKind.PARTITION:
            return f"{self.step} of {self.target} for {self._among(partition)}"
        if self.kind in BRIDGES:
            return f"{BRIDGES[self.kind]} {self.target} for {partition}"
        if self.kind is WaitKind.APPROVAL:
            return f"approval by {' or '.join(self.by)}" if self.by else "approval"
        return f"{self.kind.value} {self.place(partition)}"

    def _among(self, partition: str) -> str:
        """A partition, or what is counted from it."""
        if self.window:
            return f"{self.window} of {partition}"
        return f"{partition}, shifted by {self.offset}" if self.offset else partition


def marker(uri: str, *, poll: timedelta = timedelta(minutes=5), timeout: timedelta = timedelta(hours=2)) -> Wait:
    """Waits until an object exists, such as `s3://lake/{partition}/_SUCCESS`."""
    return Wait(WaitKind.MARKER, uri, None, poll, timeout)


def table_written(uri: str, *, poll: timedelta = timedelta(minutes=5), timeout: timedelta = timedelta(hours=2)) -> Wait:
    """Waits until a Delta table was written at or after the end of the partition."""
    return Wait(WaitKind.TABLE, uri, None, poll, timeout)


def partition_of(
    pipeline: str,
    step: str,
    *,
    shift: int = 0,
    poll: timedelta = timedelta(minutes=5),
    timeout: timedelta = timedelta(hours=2),
) -> Wait:
    """Waits until the same partition of another pipeline's step is published in production, by any orchestrator.

    Where the other pipeline has partitions of another length, all that overlap in time are waited for: a day waits for
    its week, a week for its days.

    Args:
        pipeline: The other pipeline.
        step: Its step.
        shift: How many partitions earlier, as 0 or below, in the partitions of whichever pipeline has the longer ones:
            with -1 a day waits for the week before its own, and a week for the days of the week before.
        poll: How often it is looked for.
        timeout: After which the step fails.
    """
    return Wait(WaitKind.PARTITION, pipeline, step, poll, timeout, offset=shift)


def input_from(
    source: str,
    window: str | None = None,
    *,
    shift: int = 0,
    poll: timedelta = timedelta(minutes=5),
    timeout: timedelta = timedelta(hours=2),
) -> Wait:
    """The output of a step of another pipeline as an input, in `inputs` of a step.

    The step waits for it and reads what is published in production. Its function receives one value where each
    partition has exactly one of the other pipeline's (the same one, or the week or month that holds it); otherwise, and
    with a window, it receives a dict from partition key to value, oldest first.

    Args:
        source: The other pipeline and its step, `pipeline.step` or `package.module:object.step`.
        window: Partitions of the other pipeline, as `t-6..t`; `t` is the last one that overlaps in time.
        shift: See `partition_of`.
        poll: How often it is looked for.
        timeout: After which the step fails.

    Raises:
        DefinitionError: The source or the window has another form.
    """
    text: object = source
    pipeline, _, step = text.rpartition(".") if isinstance(text, str) else ("", "", "")
    if not pipeline or not step.isidentifier():
        raise DefinitionError(f"input_from({source!r}): write pipeline.step, such as 'fraud.country_summary'")
    read = Window.parse(window) if window is not None else None
    return Wait(WaitKind.PARTITION, pipeline, step, poll, timeout, offset=shift, window=read, parameter="")


def airflow_run(
    dag_id: str,
    *,
    shift: timedelta = timedelta(0),
    url_variable: str = "COUNTERPOINT_AIRFLOW_URL",
    poll: timedelta = timedelta(minutes=5),
    timeout: timedelta = timedelta(hours=2),
) -> Wait:
    """Waits until an Airflow 3 DAG's run, whose logical date is the partition's start plus `shift`, has succeeded.

    The logical date of a DAG with a cron is the tick: `shift=timedelta(days=1, hours=2)` for 02:00 on the next day.
    """
    return Wait(WaitKind.AIRFLOW_RUN, dag_id, None, poll, timeout, url_variable, shift)


def dagster_asset(
    key: str,
    *,
    key_format: str | None = "%Y-%m-%d",
    url_variable: str = "COUNTERPOINT_DAGSTER_URL",
    poll: timedelta = timedelta(minutes=5),
    timeout: timedelta = timedelta(hours=2),
) -> Wait:
    """Waits until the partition of a Dagster asset is materialized; Dagster's hours are `%Y-%m-%d-%H:%M`.

    An asset without partitions (`key_format=None`) must have been materialized at or after the end of the partition.
    """
    return Wait(WaitKind.DAGSTER_ASSET, key, None, poll, timeout, url_variable, key_format=key_format)


def approval(
    *,
    by: str | tuple[str, ...] = (),
    note: str = "",
    poll: timedelta = timedelta(seconds=30),
    timeout: timedelta = timedelta(days=7),
) -> Wait:
    """Waits until a person approves the step for the inputs that it has in this run; a rejection fails the step.

    Args:
        by: The name of a person or a role that has to approve, or several, of whom one has to; empty: anyone.
        note: What the person should look at.
        poll: How often the orchestrator looks for an answer.
        timeout: The step fails when nobody has answered by then.
    """
    return Wait(WaitKind.APPROVAL, note, None, poll, timeout, by=(by,) if isinstance(by, str) else by)

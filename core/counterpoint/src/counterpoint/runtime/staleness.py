"""The age of a step's inputs at the end of its partition: in logical time, so that a backfill decides the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.errors import StaleInputError
from counterpoint.model import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import Observed
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.inputs import Given


class Aged(NamedTuple):
    """An input: its name, its `as_of` moment, and its age at the end of the partition."""

    name: str
    as_of: datetime
    age: timedelta


def refuse_old(context: StepContext, given: Mapping[str, Given], seen: Observed | None) -> None:
    """Refuses input that is older than the step's limit.

    Raises:
        StaleInputError: Names the input, its age, the limit and the fix.
    """
    limit, oldest = context.step.max_input_age, _oldest(context, given, seen)
    if limit is not None and oldest is not None and oldest.age > limit:
        raise StaleInputError(
            f"step {context.step.name} of {context.request.partition} does not run on old input: {oldest.name} is as of"
            f" {oldest.as_of:%Y-%m-%d %H:%M} UTC, {span(oldest.age)} before the end of the partition, and the limit is"
            f" {span(limit)}; have it brought up to date and run the step again, or raise its max_input_age"
        )


def as_of(context: StepContext, given: Mapping[str, Given], seen: Observed | None) -> str | None:
    """The `as_of` of an output, by its oldest input (ISO 8601, UTC); None when no input has one."""
    oldest = _oldest(context, given, seen)
    end = context.partition.end
    return (end - oldest.age).isoformat() if oldest else None


def _oldest(context: StepContext, given: Mapping[str, Given], seen: Observed | None) -> Aged | None:
    return max(_ages(context, given, seen), key=lambda aged: aged.age, default=None)


def _ages(context: StepContext, given: Mapping[str, Given], seen: Observed | None) -> Iterator[Aged]:
    end = context.partition.end
    if seen and seen.as_of:
        yield Aged(f"what it reads from outside ({context.step.observe})", seen.as_of, end - seen.as_of)
    pairs = [(parameter, reference) for parameter, references in given.items() for reference in _flat(references)]
    for parameter, reference in pairs:
        external = context.external.get(parameter)
        pipeline = external.pipeline if external else context.pipeline
        partition_of = pipeline.partitions.partition if external else context.partition_of
        made_for = partition_of(reference.partition.partition(".")[0]).end
        name = f"{reference.step} of {reference.partition}" + (f" of {pipeline.name}" if external else "")
        if not pipeline.step(reference.step).output.partitioned:
            moment = datetime.fromisoformat(reference.as_of) if reference.as_of else made_for
            yield Aged(name, moment, end - moment)
        elif reference.as_of:
            # an earlier day of a window is old only by its age at its own end
            moment = datetime.fromisoformat(reference.as_of)
            yield Aged(name, moment, made_for - moment)


def _flat(given: Given) -> tuple[ArtifactRef, ...]:
    if given is None or isinstance(given, ArtifactRef):
        return (given,) if given else ()
    return tuple(reference for reference in (given.values() if isinstance(given, dict) else given) if reference)


def span(length: timedelta) -> str:
    """A length of time in words, by its two largest units: `7 d`, `1 d 2 h`, `90 s` as `1 min 30 s`."""
    seconds, words = round(abs(length).total_seconds()), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        words += [f"{count} {unit}"] if count else []
    return ("-" if length < timedelta(0) else "") + (" ".join(words[:2]) or "0 s")

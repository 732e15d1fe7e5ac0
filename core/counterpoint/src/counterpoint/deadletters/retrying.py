"""Selects the rejected rows to retry and their partitions, by the step's `reprocess` function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.deadletters.identity import content_of
from counterpoint.errors import UsageError
from counterpoint.model import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from counterpoint.model import Pipeline, Step

# the columns that the function's frame has in addition to those of the rows
TARGET, LETTER = "partition", "letter"


@dataclass(frozen=True, slots=True)
class Tried:
    """The rows to retry by partition, and the ids of their letters and of the letters that are given up."""

    letters: tuple[str, ...]
    given_up: tuple[str, ...]
    targets: Mapping[str, pl.DataFrame]


def tried_again(pipeline: Pipeline, step: Step, key: str, names: Sequence[str], rejected: pl.DataFrame) -> Tried:
    """What becomes of the rejected rows of a partition, which have those names.

    Raises:
        UsageError: the step's function fails, or returns something else than such rows with their partitions.
    """
    if step.reprocess is None:
        return Tried(tuple(names), (), {key: content_of(rejected)})
    made = _made(step, key, names, rejected)
    for target in made[TARGET].unique():
        _check_target(pipeline, step, key, target)
    kept = set(made[LETTER])
    return Tried(
        tuple(name for name in names if name in kept),
        tuple(name for name in names if name not in kept),
        {str(t): content_of(rows.drop(TARGET, LETTER)) for (t,), rows in sorted(made.group_by(TARGET))},
    )


def _made(step: Step, key: str, names: Sequence[str], rejected: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    taken = [name for name in (TARGET, LETTER) if name in rejected.columns]
    if taken:
        raise _wrong(step, key, f"cannot be asked: the rows have a column {taken[0]!r} themselves; rename it")
    letters = pl.Series(LETTER, names, pl.String)
    given = rejected.with_columns(pl.lit(key, pl.String).alias(TARGET), letters)
    try:
        made: Any = load(str(step.reprocess))(given)
    except Exception as error:
        raise _wrong(step, key, f"failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, pl.DataFrame):
        raise _wrong(step, key, f"returned a {type(made).__name__}: return a Polars frame of the rows to try again")
    for name in (TARGET, LETTER):
        if made.schema.get(name) != pl.String() or made[name].null_count():
            raise _wrong(step, key, f"returned rows without a text in column {name!r}: keep it in every row")
    if not set(made[LETTER]) <= set(names):
        raise _wrong(step, key, f"returned rows of letters that it was not given: keep column {LETTER!r} as it is")
    return made


def _check_target(pipeline: Pipeline, step: Step, key: str, target: str) -> None:
    # an element of a mapped step is named behind its partition
    try:
        pipeline.partitions.partition(target.partition(".")[0])
    except UsageError as error:
        raise _wrong(step, key, f"returned rows for partition {target!r}: {error}") from error


def _wrong(step: Step, key: str, what: str) -> UsageError:
    return UsageError(f"{step.reprocess}, which tries rejected rows of {step.name} of {key} again, {what}")

"""The newest partition that there is data for: of what stands in production, or of what the source has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoint.errors import CounterpointError, UsageError
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.inputs import observed
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model import Pipeline, RunRequest
    from counterpoint.storage import Store

# partitions, from the newest on, for which it is looked whether the source has them
_MOST_LOOKS = 400


def newest_partition(pipeline: Pipeline, store: Store, request: RunRequest) -> str:
    """The newest partition that is over and stands in production, or that the source has.

    Args:
        pipeline: With the settings that say where its source is.
        store: Its production.
        request: A run with these settings; its partition does not matter.

    Raises:
        UsageError: none is known.
    """
    standing = _standing(pipeline, store)
    for key in _later(pipeline, standing):
        if _has(pipeline, store, replace(request, partition=key)):
            return key
    if standing:
        return standing
    raise UsageError(
        f"no partition of {pipeline.name} is known: none stands in production below {store.root}, and of the last"
        f" {_MOST_LOOKS} its source has none that its steps tell of by `observe`: name one by --date"
    )


def _standing(pipeline: Pipeline, store: Store) -> str:
    """The newest partition of a step that reads no other step; empty when none stands."""
    first = [step.name for step in pipeline.steps if not step.inputs and not step.effect]
    folders = [layout.catalog_folder(store.version, pipeline.name, name) for name in first]
    keys = {layout.name_of(path).partition(".")[0] for folder in folders for path in store.list(folder)}
    return max((key for key in keys if key[:1].isdigit()), default="")


def _later(pipeline: Pipeline, standing: str) -> Iterator[str]:
    """The partitions after one that stands, from the last one that is over backwards."""
    keys = pipeline.partitions
    key = keys.shift(keys.key_of(datetime.now(UTC)), -1)
    for _ in range(_MOST_LOOKS):
        if key < keys.start or key <= standing:
            return
        yield key
        key = keys.shift(key, -1)


def _has(pipeline: Pipeline, store: Store, request: RunRequest) -> bool:
    """Whether the source has a partition, by all steps that tell what they read."""
    looking = [step for step in pipeline.steps if step.observe]
    try:
        for step in looking:
            observed(StepContext(request, pipeline, step, store))
    except CounterpointError:
        return False
    return bool(looking)

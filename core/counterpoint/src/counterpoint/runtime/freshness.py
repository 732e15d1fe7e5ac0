"""What a run needs of earlier partitions and is not there: found before anything starts."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from itertools import starmap
from typing import TYPE_CHECKING

from counterpoint.commands import command_of
from counterpoint.errors import DamagedOutputError, MissingInputError, SourceError, UsageError
from counterpoint.model import Window, code_digest, order
from counterpoint.model.code import own_code_of
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.inputs import (
    digests,
    fingerprint,
    is_skipped,
    observed,
    references_of,
    standing_elements,
    standing_entries,
)
from counterpoint.runtime.remaking import remake_command
from counterpoint.storage.inventory import Inventory

if TYPE_CHECKING:
    from counterpoint.model import ArtifactRef, Input, Materialization, Pipeline, RunRequest, Step
    from counterpoint.storage import Store


class Freshness(StrEnum):
    """How an output stands against what it would be made from now."""

    FRESH = "fresh"
    STALE = "stale"
    DAMAGED = "damaged"
    MISSING = "missing"
    SKIPPED = "skipped"
    EFFECT = "effect"

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to make: it is fresh, not chosen, or an effect that each run has anew."""
        return self not in {Freshness.STALE, Freshness.DAMAGED, Freshness.MISSING}


def freshness(context: StepContext, inventory: Inventory | None = None, *, verify: bool = False) -> Freshness:
    """Whether the output of a step and partition stands, and was made from what stands now.

    A step that a branch keeps from running is skipped; an effect is never fresh or stale, for every run has its own. Of
    what stands the files are looked for in an inventory, which may be shared by several questions; only `verify` reads
    them.
    """
    try:
        if is_skipped(context, context.step.name):
            return Freshness.SKIPPED
    except DamagedOutputError:  # what a branch chose is not known
        return Freshness.STALE
    if context.step.effect:
        key = context.key if context.step.map_over is None else f"{context.key}.0"
        return Freshness.EFFECT if context.store.entry(context.step.name, key) else Freshness.MISSING
    found = _freshness(context)
    if found is Freshness.MISSING or damage_of(context, inventory, verify=verify) is None:
        return found
    return Freshness.DAMAGED


def damage_of(
    context: StepContext, inventory: Inventory | None = None, *, verify: bool = False
) -> DamagedOutputError | None:
    """What is lost of the output that stands for a step and partition, or is not what was written; None when nothing.

    The error holds the command that makes the output again.
    """
    looked = inventory or Inventory(context.store)
    for entry in standing_entries(context):
        found = looked.lacks(entry.reference) or (_differs(context, entry.reference) if verify else None)
        if found is not None:
            found.output = f"{context.step.name} of {entry.reference.partition}"
            found.command = remake_command(context.request, entry.reference.partition)
            return found
    return None


def _differs(context: StepContext, reference: ArtifactRef) -> DamagedOutputError | None:
    try:
        context.store.read(reference)
    except DamagedOutputError as damage:
        return damage
    return None


def _freshness(context: StepContext) -> Freshness:
    if context.step.map_over is not None:
        elements = standing_elements(context, context.step.name)
        found = {_against_now(replace(context, index=index), entry) for index, entry in enumerate(elements)}
        return max(found, key=list(Freshness).index, default=Freshness.MISSING)
    standing = context.store.entry(context.step.name, context.key)
    return Freshness.MISSING if standing is None else _against_now(context, standing)


def _against_now(context: StepContext, standing: Materialization) -> Freshness:
    try:
        made_from = fingerprint(context, _inputs_now(context, standing), observed(context))
    except (MissingInputError, SourceError):
        return Freshness.STALE
    return Freshness.FRESH if made_from == standing.fingerprint else Freshness.STALE


def _inputs_now(context: StepContext, standing: Materialization) -> dict[str, str]:
    partition = context.request.partition
    passed = {
        name: entry.reference for name in context.step.upstream if (entry := context.store.entry(name, partition))
    }
    inputs = digests(references_of(context, passed))
    # what the registry holds is not known without asking it: it does not make a step stale
    return inputs | {name: digest for name, digest in standing.inputs.items() if name not in inputs}


def is_made_alike(context: StepContext, standing: Materialization) -> bool:
    """Whether an output was made by this code with these settings from what stands now, whatever there was outside.

    The other side's environment may have other versions of what the code imports.
    """
    made = (standing.code_digest, standing.settings_hash, standing.inputs)
    try:
        return made == (own_code_of(context.step), context.settings_hash, _inputs_now(context, standing))
    except MissingInputError:
        return False


def needed(pipeline: Pipeline, store: Store, request: RunRequest) -> dict[str, tuple[str, ...]]:
    """The steps of earlier partitions that must be run before a request, by partition, oldest first.

    Raises:
        UsageError: a window reaches before the pipeline's first partition.
    """
    search = _Search(pipeline, store, request)
    for step in pipeline.steps:
        if request.selects(step.name):
            search.lacking_before(step, request.partition)
            search.damaged_before(step, request.partition)
    found: dict[str, list[str]] = {}
    for key, name in sorted(search.lacking, key=lambda pair: (pair[0], order(pipeline).index(pair[1]))):
        if search.lacking[key, name]:
            found.setdefault(key, []).append(name)
    return {key: tuple(names) for key, names in found.items()}


def in_waves(pipeline: Pipeline, found: dict[str, tuple[str, ...]]) -> list[dict[str, tuple[str, ...]]]:
    """The steps of `needed` in waves, by partition: what reads other partitions comes after the wave that has them."""
    level: dict[tuple[str, str], int] = {}
    for key, names in sorted(found.items()):
        for name in sorted(names, key=order(pipeline).index):
            before = _before(pipeline, name, key)
            level[key, name] = max((level[pair] + (pair[0] != key) for pair in before if pair in level), default=0)
    waves: list[dict[str, tuple[str, ...]]] = [{} for _ in range(max(level.values(), default=-1) + 1)]
    for (key, name), number in level.items():
        waves[number][key] = (*waves[number].get(key, ()), name)
    return waves


def _before(pipeline: Pipeline, name: str, key: str) -> list[tuple[str, str]]:
    """What a step of a partition reads or waits for: partitions and steps."""
    step = pipeline.step(name)
    windows = [(given.step, given.window) for given in step.inputs if given.window]
    read = [(other, above) for above, window in windows for other in window.keys(pipeline.partitions, key)]
    return [*read, *((key, above) for above in step.upstream)]


class _Search:
    """Which (partition, step) pairs are not fresh, or rest on one that is not; each is looked at once."""

    def __init__(self, pipeline: Pipeline, store: Store, request: RunRequest) -> None:
        self.pipeline, self.store, self.request = pipeline, store, request
        self.lacking: dict[tuple[str, str], bool] = {}
        self._inventory = Inventory(store)

    def lacking_before(self, step: Step, key: str) -> bool:
        """Whether anything that the step reads of other partitions, or outside the run, is not fresh."""
        pairs = [pair for pair in self._read_by(step, key) if pair[0] != self.request.partition]
        return any(list(starmap(self._is_lacking, pairs)))  # each is looked at

    def _is_lacking(self, key: str, name: str) -> bool:
        if (key, name) not in self.lacking:
            step = self.pipeline.step(name)
            before = self.lacking_before(step, key)
            self.lacking[key, name] = before or not self._freshness(step, key).is_settled
        return self.lacking[key, name]

    def _freshness(self, step: Step, key: str) -> Freshness:
        return freshness(self._work(step, key), self._inventory)

    def _work(self, step: Step, key: str) -> StepContext:
        return StepContext(replace(self.request, partition=key, steps=()), self.pipeline, step, self.store)

    def damaged_before(self, step: Step, key: str) -> None:
        """Adds what the step will read of other partitions that stands, and is not what was written."""
        for given in step.inputs:
            keys = given.window.keys(self.pipeline.partitions, key) if given.window else ()
            for other in keys:
                if other != self.request.partition and not self.lacking[other, given.step]:
                    self.lacking[other, given.step] = not self._is_readable(given, other)

    def _is_readable(self, given: Input, key: str) -> bool:
        entry = self.store.entry(given.step, key)
        if entry is None or not entry.reference.uri:
            return True
        # what was made of it when it was whole is read in its place
        if given.partial and self.store.stored_partial(entry.reference, given.partial, code_digest(given.partial)):
            return True
        return damage_of(self._work(self.pipeline.step(given.step), key), self._inventory, verify=True) is None

    def _read_by(self, step: Step, key: str) -> list[tuple[str, str]]:
        partitions = self.pipeline.partitions
        windows = [(given.step, given.window or Window(0)) for given in step.inputs]
        keys = [(other, name) for name, window in windows for other in window.keys(partitions, key)]
        for other, _ in keys:
            partitions.partition(other)
        return keys


def refuse_missing(found: dict[str, tuple[str, ...]], request: RunRequest, *, service: bool = False) -> None:
    """Refuses to run while something upstream is missing.

    Raises:
        UsageError: names every missing step and partition, and the command that makes them.
    """
    if found:
        words = "; ".join(f"{key}: {', '.join(steps)}" for key, steps in found.items())
        again = command_of(request, "run", request.pipeline, "--date", request.partition, service=service)
        raise UsageError(
            f"upstream partitions are missing or stale: {words}. Leave out --no-upstream, and they are run first:"
            f" '{again}'"
        )

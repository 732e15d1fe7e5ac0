"""Freshness of outputs, and the upstream partitions that a run needs and lacks; checked before anything starts."""

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
    """The state of an output, compared with what it would be made from now."""

    FRESH = "fresh"
    STALE = "stale"
    DAMAGED = "damaged"
    MISSING = "missing"
    SKIPPED = "skipped"
    EFFECT = "effect"

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to make: the output is fresh or not chosen, or the step is an effect."""
        return self not in {Freshness.STALE, Freshness.DAMAGED, Freshness.MISSING}


def freshness(context: StepContext, inventory: Inventory | None = None, *, verify: bool = False) -> Freshness:
    """Whether the output of a step and partition exists, and was made from the inputs, code and settings of now.

    A step that a branch does not choose is skipped. An effect is never fresh or stale, because every run has its own.

    Args:
        context: The step and partition.
        inventory: The files of the store, which several calls may share; files are looked up there by name and size.
        verify: Whether the files are read, too.
    """
    try:
        if is_skipped(context, context.step.name):
            return Freshness.SKIPPED
    except DamagedOutputError:  # the branch's choice is lost
        return Freshness.STALE
    if context.step.effect:
        key = context.key if context.step.map_over is None else f"{context.key}.0"
        return Freshness.EFFECT if context.store.entry(context.step.name, key) else Freshness.MISSING
    state = _freshness(context)
    if state is Freshness.MISSING or damage_of(context, inventory, verify=verify) is None:
        return state
    return Freshness.DAMAGED


def damage_of(
    context: StepContext, inventory: Inventory | None = None, *, verify: bool = False
) -> DamagedOutputError | None:
    """The first damage to the published output of a step and partition (a lost or changed file), or None.

    The error holds the command that makes the output again.

    Args:
        context: The step and partition.
        inventory: The files of the store, which several calls may share.
        verify: Whether the files are read, too.
    """
    files = inventory or Inventory(context.store)
    for entry in standing_entries(context):
        damage = files.lacks(entry.reference) or (_differs(context, entry.reference) if verify else None)
        if damage is not None:
            damage.output = f"{context.step.name} of {entry.reference.partition}"
            damage.command = remake_command(context.request, entry.reference.partition)
            return damage
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
        states = {_compare_with_now(replace(context, index=index), entry) for index, entry in enumerate(elements)}
        return max(states, key=list(Freshness).index, default=Freshness.MISSING)
    standing = context.store.entry(context.step.name, context.key)
    return Freshness.MISSING if standing is None else _compare_with_now(context, standing)


def _compare_with_now(context: StepContext, standing: Materialization) -> Freshness:
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
    # the registry is not asked here, so a change of champions does not make a step stale
    return inputs | {name: digest for name, digest in standing.inputs.items() if name not in inputs}


def is_made_alike(context: StepContext, standing: Materialization) -> bool:
    """Whether an output was made by this code with these settings from the current inputs, ignoring other differences.

    External sources may have changed, and the other side's environment may have other versions of imported packages.
    """
    recorded = (standing.code_digest, standing.settings_hash, standing.inputs)
    try:
        return recorded == (own_code_of(context.step), context.settings_hash, _inputs_now(context, standing))
    except MissingInputError:
        return False


def needed(pipeline: Pipeline, store: Store, request: RunRequest) -> dict[str, tuple[str, ...]]:
    """The steps of earlier partitions that must be run before a request, by partition, oldest first.

    Raises:
        UsageError: A window reaches before the pipeline's first partition.
    """
    search = _UpstreamSearch(pipeline, store, request)
    for step in pipeline.steps:
        if request.selects(step.name):
            search.lacking_before(step, request.partition)
            search.damaged_before(step, request.partition)
    missing: dict[str, list[str]] = {}
    for key, name in sorted(search.lacking, key=lambda pair: (pair[0], order(pipeline).index(pair[1]))):
        if search.lacking[key, name]:
            missing.setdefault(key, []).append(name)
    return {key: tuple(names) for key, names in missing.items()}


def in_waves(pipeline: Pipeline, found: dict[str, tuple[str, ...]]) -> list[dict[str, tuple[str, ...]]]:
    """The steps of `needed` in waves, by partition: a step comes after the waves with the partitions that it reads."""
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
    """The partitions and steps that a step of a partition reads or waits for."""
    step = pipeline.step(name)
    windows = [(step_input.step, step_input.window) for step_input in step.inputs if step_input.window]
    pairs = [(read_key, upstream) for upstream, window in windows for read_key in window.keys(pipeline.partitions, key)]
    return [*pairs, *((key, upstream) for upstream in step.upstream)]


class _UpstreamSearch:
    """Finds the (partition, step) pairs that are not fresh, or depend on one that is not; each is checked once."""

    def __init__(self, pipeline: Pipeline, store: Store, request: RunRequest) -> None:
        self.pipeline, self.store, self.request = pipeline, store, request
        self.lacking: dict[tuple[str, str], bool] = {}
        self._inventory = Inventory(store)

    def lacking_before(self, step: Step, key: str) -> bool:
        """Whether an output of another partition or outside the run that the step reads is not fresh."""
        pairs = [pair for pair in self._read_by(step, key) if pair[0] != self.request.partition]
        return any(list(starmap(self._is_lacking, pairs)))  # a list, so that every pair is checked

    def _is_lacking(self, key: str, name: str) -> bool:
        if (key, name) not in self.lacking:
            step = self.pipeline.step(name)
            before = self.lacking_before(step, key)
            self.lacking[key, name] = before or not self._freshness(step, key).is_settled
        return self.lacking[key, name]

    def _freshness(self, step: Step, key: str) -> Freshness:
        return freshness(self._context(step, key), self._inventory)

    def _context(self, step: Step, key: str) -> StepContext:
        return StepContext(replace(self.request, partition=key, steps=()), self.pipeline, step, self.store)

    def damaged_before(self, step: Step, key: str) -> None:
        """Adds the damaged outputs of other partitions that the step will read."""
        for step_input in step.inputs:
            keys = step_input.window.keys(self.pipeline.partitions, key) if step_input.window else ()
            for read_key in keys:
                if read_key != self.request.partition and not self.lacking[read_key, step_input.step]:
                    self.lacking[read_key, step_input.step] = not self._is_readable(step_input, read_key)

    def _is_readable(self, given: Input, key: str) -> bool:
        entry = self.store.entry(given.step, key)
        if entry is None or not entry.reference.uri:
            return True
        # a result that was computed from it while it was intact is read in its place
        if given.partial and self.store.stored_partial(entry.reference, given.partial, code_digest(given.partial)):
            return True
        return damage_of(self._context(self.pipeline.step(given.step), key), self._inventory, verify=True) is None

    def _read_by(self, step: Step, key: str) -> list[tuple[str, str]]:
        partitions = self.pipeline.partitions
        windows = [(step_input.step, step_input.window or Window(0)) for step_input in step.inputs]
        pairs = [(read_key, name) for name, window in windows for read_key in window.keys(partitions, key)]
        for read_key, _ in pairs:
            partitions.partition(read_key)
        return pairs


def refuse_missing(found: dict[str, tuple[str, ...]], request: RunRequest, *, service: bool = False) -> None:
    """Refuses to run while upstream outputs are missing.

    Raises:
        UsageError: Names every missing step and partition, and the command that makes them.
    """
    if found:
        words = "; ".join(f"{key}: {', '.join(steps)}" for key, steps in found.items())
        rerun = command_of(request, "run", request.pipeline, "--date", request.partition, service=service)
        raise UsageError(
            f"upstream partitions are missing or stale: {words}. Leave out --no-upstream, and they are run first:"
            f" '{rerun}'"
        )

"""What a step reads: the references of its inputs, their digests, and at last their values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, DamagedOutputError, MissingInputError, SourceError
from counterpoint.model import Observed, Partition, Pipeline, Reference, RunRequest, Step, code_digest, load
from counterpoint.model.code import code_of, outdated, reach_of
from counterpoint.model.functions import parameters_of
from counterpoint.running.remaking import remake_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Entry, Input
    from counterpoint.storage import Store

# An input that has no reference (its step failed or was skipped) arrives as None.
# So does a partition of a window for which its branch chose otherwise.
Given = Reference | tuple[Reference, ...] | dict[str, Reference | None] | None


@dataclass(frozen=True)
class Work:
    """One attempt at one step of one run, or at one element of a mapped step, with all that its execution needs."""

    request: RunRequest
    pipeline: Pipeline
    step: Step
    store: Store
    index: int | None = None
    attempt: int = 1

    @cached_property
    def partition(self) -> Partition:
        """The partition of the run."""
        return self.pipeline.partitions.partition(self.request.partition)

    @property
    def key(self) -> str:
        """The partition key, or that of one element of a mapped step."""
        return self.request.partition if self.index is None else f"{self.request.partition}.{self.index}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the step asks for, by parameter name."""
        return {name: self.pipeline.config[name] for name in self.step.settings}

    @property
    def settings_hash(self) -> str:
        """16 hexadecimal digits that name those settings."""
        return digest_of(self.settings).removeprefix("sha256:")[:16]

    def read(self, reference: Reference, partial: str | None = None) -> Any:
        """What a reference refers to, or what a function (`partial`) makes of it.

        Raises:
            DamagedOutputError: it is lost, or is not what was written; holds the command that makes it again.
        """
        try:
            if partial is None:
                return self.store.read(reference)
            # what old code makes must not be found by who looks for what the new code made
            keeps = not outdated(reach_of([partial]))
            return self.store.partial(reference, partial, code_digest(partial), keeps=keeps)
        except DamagedOutputError as damage:
            damage.command = remake_command(self.request, reference.partition)
            raise


def digest_of(value: Any) -> str:
    """The sha256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def references_of(work: Work, passed: Mapping[str, Any]) -> dict[str, Given]:
    """The reference of each input, by parameter: from this run where it made them, else what stands.

    Raises:
        MissingInputError: an output that the step needs does not stand.
    """
    return {given.parameter: _reference(work, given, passed) for given in work.step.inputs}


def _reference(work: Work, given: Input, passed: Mapping[str, Any]) -> Given:
    if given.window is not None:
        return _window(work, given)
    if work.request.selects(given.step):
        found: Reference | list[Reference] | None = passed.get(given.step)
        return tuple(found) if isinstance(found, list | tuple) else found
    return _standing(work, given)


def _window(work: Work, given: Input) -> dict[str, Reference | None]:
    assert given.window is not None  # noqa: S101 - told apart by the caller
    keys = given.window.keys(work.pipeline.partitions, work.request.partition)
    entries = {key: work.store.entry(given.step, key) for key in keys}
    missing = [k for k, entry in entries.items() if entry is None and not work.store.is_skipped(given.step, k)]
    if missing:
        again = remake_command(work.request, work.request.partition)
        raise MissingInputError(
            f"step {work.step.name} of {work.request.partition} needs {given.step} of {given.window}, but"
            f" these are missing: {', '.join(missing)}; make them first: '{again}'"
        )
    return {key: entry.reference if entry else None for key, entry in entries.items()}


def _standing(work: Work, given: Input) -> Given:
    key = work.request.partition
    if work.pipeline.step(given.step).map_over:
        return _elements(work, given.step)
    if is_skipped(work, given.step):
        return None
    entry = work.store.entry(given.step, key)
    if entry is None:
        again = remake_command(work.request, key)
        raise MissingInputError(
            f"step {work.step.name} of {key} needs {given.step}, which does not stand: make it first: '{again}'"
        )
    return entry.reference


def is_skipped(work: Work, name: str) -> bool:
    """Whether what branches chose when they were run keeps a step of the partition from running."""
    try:
        return work.store.is_skipped(name, work.request.partition)
    except DamagedOutputError as damage:
        damage.command = remake_command(work.request, work.request.partition)
        raise


def _elements(work: Work, step: str) -> tuple[Reference, ...]:
    return tuple(entry.reference for entry in standing_elements(work, step))


def standing_entries(work: Work) -> list[Entry]:
    """What stands of a step for the partition: of a mapped step, of each element."""
    if work.step.map_over is not None:
        return standing_elements(work, work.step.name)
    entry = work.store.entry(work.step.name, work.key)
    return [entry] if entry else []


def standing_elements(work: Work, step: str) -> list[Entry]:
    """What stands of a mapped step, all made from one list; what an earlier, longer list left does not count."""
    found: list[Entry] = []
    while entry := work.store.entry(step, f"{work.request.partition}.{len(found)}"):
        if found and (entry.inputs, entry.settings_hash) != (found[0].inputs, found[0].settings_hash):
            break
        found.append(entry)
    return found


def digests(references: Mapping[str, Given]) -> dict[str, str]:
    """The digest of each input: of the content for one reference, of all contents for several."""
    return {name: _digest(given) for name, given in references.items()}


def _digest(given: Given) -> str:
    if given is None:
        return "none"
    if isinstance(given, Reference):
        return given.digest
    if isinstance(given, dict):
        return digest_of({key: ref.digest if ref else "none" for key, ref in given.items()})
    return digest_of([reference.digest for reference in given])


def fingerprint(work: Work, inputs: Mapping[str, str], seen: Observed | None) -> str:
    """The digest of all that decides an output: code, settings, inputs, and the element of a mapped step."""
    made_from = {
        "code": code_of(work.step),
        "settings": work.settings,
        "inputs": dict(inputs),
        "index": work.index,
        "outside": seen.digest if seen else None,
        **_resubmitted(work),
    }
    return digest_of(made_from)


def _resubmitted(work: Work) -> dict[str, str]:
    """The digest of the dead letters that a partition was given to try again; nothing where there are none."""
    if "resubmitted" not in work.step.provided:
        return {}
    from counterpoint.deadletters import resubmitted_digest

    digest = resubmitted_digest(work.store, work.step.name, work.key)
    return {"resubmitted": digest} if digest else {}


def observed(work: Work) -> Observed | None:
    """What a step reads from outside the pipeline, or None when it reads nothing there.

    Raises:
        SourceError: there is nothing to read for the partition.
    """
    if work.step.observe is None:
        return None
    values = {"partition": work.partition, **work.pipeline.config}
    given = {name: values[name] for name in parameters_of(work.step.observe)}
    try:
        seen = load(work.step.observe)(**given)
        return seen if isinstance(seen, Observed) else Observed(str(seen))
    except CounterpointError:
        raise
    except Exception as error:
        raise SourceError(
            f"{work.step.observe} cannot tell what step {work.step.name} reads for {work.request.partition}:"
            f" {type(error).__name__}: {error}"
        ) from error


def values_of(work: Work, references: Mapping[str, Given]) -> dict[str, Any]:
    """The values of all parameters of the step function."""
    values = {g.parameter: _value(work, g, references[g.parameter]) for g in work.step.inputs}
    values.update(work.settings)
    if "partition" in work.step.provided:
        values["partition"] = work.partition
    if "resubmitted" in work.step.provided:
        from counterpoint.deadletters import resubmitted_rows

        values["resubmitted"] = resubmitted_rows(work.store, work.step.name, work.key)
    if work.step.map_over and work.index is not None:
        values[work.step.map_over] = values[work.step.map_over][work.index]
    return values


def _value(work: Work, given: Input, reference: Given) -> Any:
    if reference is None:
        return None
    if isinstance(reference, dict):
        return {key: work.read(ref, given.partial) if ref else None for key, ref in reference.items()}
    if isinstance(reference, tuple):
        return [work.read(element) for element in reference]
    return work.read(reference)


def count_of(work: Work, passed: Mapping[str, Any]) -> int:
    """How many elements a mapped step has."""
    if work.step.map_over in work.settings:
        return len(work.settings[work.step.map_over])
    return len(values_of(work, references_of(work, passed))[str(work.step.map_over)])


def choice_of(store: Store, reference: Reference | None) -> str | None:
    """What a branch step chose, or None when it has no output."""
    return None if reference is None else str(store.read(reference))


def function_of(step: Step) -> Any:
    """The function of a step, imported now."""
    return load(step.function)

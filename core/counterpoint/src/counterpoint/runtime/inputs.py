"""What a step reads: the references of its inputs, their digests, and at last their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, DamagedOutputError, MissingInputError, SourceError
from counterpoint.model import ArtifactRef, Observed, Step, load
from counterpoint.model.code import code_of
from counterpoint.model.functions import parameters_of
from counterpoint.runtime.context import StepContext, digest_of
from counterpoint.runtime.remaking import remake_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Input, Materialization
    from counterpoint.storage import Store

# An input that has no reference (its step failed or was skipped) arrives as None.
# So does a partition of a window for which its branch chose otherwise.
Given = ArtifactRef | tuple[ArtifactRef, ...] | dict[str, ArtifactRef | None] | None


def references_of(context: StepContext, passed: Mapping[str, Any]) -> dict[str, Given]:
    """The reference of each input, by parameter: from this run where it made them, else what stands.

    Raises:
        MissingInputError: an output that the step needs does not stand.
    """
    return {given.parameter: _reference(context, given, passed) for given in context.step.inputs}


def _reference(context: StepContext, given: Input, passed: Mapping[str, Any]) -> Given:
    if given.window is not None:
        return _window(context, given)
    if context.request.selects(given.step):
        found: ArtifactRef | list[ArtifactRef] | None = passed.get(given.step)
        return tuple(found) if isinstance(found, list | tuple) else found
    return _standing(context, given)


def _window(context: StepContext, given: Input) -> dict[str, ArtifactRef | None]:
    assert given.window is not None  # noqa: S101 - told apart by the caller
    keys = given.window.keys(context.pipeline.partitions, context.request.partition)
    entries = {key: context.store.entry(given.step, key) for key in keys}
    missing = [k for k, entry in entries.items() if entry is None and not context.store.is_skipped(given.step, k)]
    if missing:
        again = remake_command(context.request, context.request.partition)
        raise MissingInputError(
            f"step {context.step.name} of {context.request.partition} needs {given.step} of {given.window}, but"
            f" these are missing: {', '.join(missing)}; make them first: '{again}'"
        )
    return {key: entry.reference if entry else None for key, entry in entries.items()}


def _standing(context: StepContext, given: Input) -> Given:
    key = context.request.partition
    if context.pipeline.step(given.step).map_over:
        return _elements(context, given.step)
    if is_skipped(context, given.step):
        return None
    entry = context.store.entry(given.step, key)
    if entry is None:
        again = remake_command(context.request, key)
        raise MissingInputError(
            f"step {context.step.name} of {key} needs {given.step}, which does not stand: make it first: '{again}'"
        )
    return entry.reference


def is_skipped(context: StepContext, name: str) -> bool:
    """Whether what branches chose when they were run keeps a step of the partition from running."""
    try:
        return context.store.is_skipped(name, context.request.partition)
    except DamagedOutputError as damage:
        damage.command = remake_command(context.request, context.request.partition)
        raise


def _elements(context: StepContext, step: str) -> tuple[ArtifactRef, ...]:
    return tuple(entry.reference for entry in standing_elements(context, step))


def standing_entries(context: StepContext) -> list[Materialization]:
    """What stands of a step for the partition: of a mapped step, of each element."""
    if context.step.map_over is not None:
        return standing_elements(context, context.step.name)
    entry = context.store.entry(context.step.name, context.key)
    return [entry] if entry else []


def standing_elements(context: StepContext, step: str) -> list[Materialization]:
    """What stands of a mapped step, all made from one list; what an earlier, longer list left does not count."""
    found: list[Materialization] = []
    while entry := context.store.entry(step, f"{context.request.partition}.{len(found)}"):
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
    if isinstance(given, ArtifactRef):
        return given.digest
    if isinstance(given, dict):
        return digest_of({key: ref.digest if ref else "none" for key, ref in given.items()})
    return digest_of([reference.digest for reference in given])


def fingerprint(context: StepContext, inputs: Mapping[str, str], seen: Observed | None) -> str:
    """The digest of all that decides an output: code, settings, inputs, and the element of a mapped step."""
    made_from = {
        "code": code_of(context.step),
        "settings": context.settings,
        "inputs": dict(inputs),
        "index": context.index,
        "outside": seen.digest if seen else None,
        **_resubmitted(context),
    }
    return digest_of(made_from)


def _resubmitted(context: StepContext) -> dict[str, str]:
    """The digest of the dead letters that a partition was given to try again; nothing where there are none."""
    if "resubmitted" not in context.step.provided:
        return {}
    from counterpoint.deadletters import resubmitted_digest

    digest = resubmitted_digest(context.store, context.step.name, context.key)
    return {"resubmitted": digest} if digest else {}


def observed(context: StepContext) -> Observed | None:
    """What a step reads from outside the pipeline, or None when it reads nothing there.

    Raises:
        SourceError: there is nothing to read for the partition.
    """
    if context.step.observe is None:
        return None
    values = {"partition": context.partition, **context.pipeline.config}
    given = {name: values[name] for name in parameters_of(context.step.observe)}
    try:
        seen = load(context.step.observe)(**given)
        return seen if isinstance(seen, Observed) else Observed(str(seen))
    except CounterpointError:
        raise
    except Exception as error:
        raise SourceError(
            f"{context.step.observe} cannot tell what step {context.step.name} reads for {context.request.partition}:"
            f" {type(error).__name__}: {error}"
        ) from error


def values_of(context: StepContext, references: Mapping[str, Given]) -> dict[str, Any]:
    """The values of all parameters of the step function."""
    values = {g.parameter: _value(context, g, references[g.parameter]) for g in context.step.inputs}
    values.update(context.settings)
    if "partition" in context.step.provided:
        values["partition"] = context.partition
    if "resubmitted" in context.step.provided:
        from counterpoint.deadletters import resubmitted_rows

        values["resubmitted"] = resubmitted_rows(context.store, context.step.name, context.key)
    if context.step.map_over and context.index is not None:
        values[context.step.map_over] = values[context.step.map_over][context.index]
    return values


def _value(context: StepContext, given: Input, reference: Given) -> Any:
    if reference is None:
        return None
    if isinstance(reference, dict):
        return {key: context.read(ref, given.partial) if ref else None for key, ref in reference.items()}
    if isinstance(reference, tuple):
        return [context.read(element) for element in reference]
    return context.read(reference)


def count_of(context: StepContext, passed: Mapping[str, Any]) -> int:
    """How many elements a mapped step has."""
    if context.step.map_over in context.settings:
        return len(context.settings[context.step.map_over])
    return len(values_of(context, references_of(context, passed))[str(context.step.map_over)])


def choice_of(store: Store, reference: ArtifactRef | None) -> str | None:
    """What a branch step chose, or None when it has no output."""
    return None if reference is None else str(store.read(reference))


def function_of(step: Step) -> Any:
    """The function of a step, imported now."""
    return load(step.function)

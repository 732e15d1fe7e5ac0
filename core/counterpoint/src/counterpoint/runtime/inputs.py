"""What a step reads: the references of its inputs, their digests and their values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, DamagedOutputError, MissingInputError, SourceError
from counterpoint.model import ArtifactRef, Observed, Status, Step, load
from counterpoint.model.code import code_of
from counterpoint.model.functions import parameters_of
from counterpoint.runtime.context import StepContext, digest_of
from counterpoint.runtime.records import element_records
from counterpoint.runtime.remaking import remake_command
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Input, Materialization
    from counterpoint.storage import Store

# None is an input without a reference: its step failed or was skipped.
# In a window, None is a partition for which the branch chose otherwise.
Given = ArtifactRef | tuple[ArtifactRef, ...] | dict[str, ArtifactRef | None] | None


def references_of(context: StepContext, passed: Mapping[str, Any]) -> dict[str, Given]:
    """The reference of each input, by parameter: the one passed on in this run, else the published output's.

    Raises:
        MissingInputError: An output that the step needs is not published.
        UsageError: It reads another pipeline that does not exist, or not so.
    """
    own = {step_input.parameter: _reference(context, step_input, passed) for step_input in context.step.inputs}
    return own | {parameter: external.references for parameter, external in context.external.items()}


def _reference(context: StepContext, step_input: Input, passed: Mapping[str, Any]) -> Given:
    if step_input.window is not None:
        return _window(context, step_input)
    if context.request.selects(step_input.step):
        references: ArtifactRef | list[ArtifactRef] | None = passed.get(step_input.step)
        if references is None and (context.step.group or context.pipeline.step(step_input.step).group):
            references = recorded_output(
                context, step_input.step
            )  # the task of a group is passed nothing, nor passes on
        return tuple(references) if isinstance(references, list | tuple) else references
    return _standing(context, step_input)


def recorded_output(context: StepContext, step: str) -> ArtifactRef | list[ArtifactRef] | None:
    """The output of a step that has succeeded in this run, by its record; a list of a mapped step."""
    store, run_id = context.store, context.request.run_id
    is_mapped = context.pipeline.step(step).map_over is not None
    record = store.get_json(layout.step_record(context.pipeline.name, run_id, step))
    records = element_records(store, run_id, step) if is_mapped else [record] if record else []
    made = [ArtifactRef.from_dict(each["output"]) for each in records if each["status"] == Status.SUCCESS.value]
    if is_mapped:
        return made if len(made) == len(records) else None
    return next(iter(made), None)


def _window(context: StepContext, step_input: Input) -> dict[str, ArtifactRef | None]:
    assert step_input.window is not None  # noqa: S101 - the caller checks it
    keys = step_input.window.keys(context.pipeline.partitions, context.request.partition)
    entries = {key: context.store.entry(step_input.step, key) for key in keys}
    missing = [k for k, entry in entries.items() if entry is None and not context.store.is_skipped(step_input.step, k)]
    if missing:
        rerun = remake_command(context.request, context.request.partition)
        raise MissingInputError(
            f"step {context.step.name} of {context.request.partition} needs {step_input.step} of"
            f" {step_input.window}, but these are missing: {', '.join(missing)}; make them first: '{rerun}'"
        )
    return {key: entry.reference if entry else None for key, entry in entries.items()}


def _standing(context: StepContext, step_input: Input) -> Given:
    key = context.request.partition
    if context.pipeline.step(step_input.step).map_over:
        return _elements(context, step_input.step)
    if is_skipped(context, step_input.step):
        return None
    entry = context.store.entry(step_input.step, key)
    if entry is None:
        rerun = remake_command(context.request, key)
        raise MissingInputError(
            f"step {context.step.name} of {key} needs {step_input.step}, which does not stand: make it first: '{rerun}'"
        )
    return entry.reference


def is_skipped(context: StepContext, name: str) -> bool:
    """Whether the recorded choices of branches skip a step of the partition."""
    try:
        return context.store.is_skipped(name, context.request.partition)
    except DamagedOutputError as damage:
        damage.command = remake_command(context.request, context.request.partition)
        raise


def _elements(context: StepContext, step: str) -> tuple[ArtifactRef, ...]:
    return tuple(entry.reference for entry in standing_elements(context, step))


def standing_entries(context: StepContext) -> list[Materialization]:
    """The published output of a step for the partition; of a mapped step, the outputs of its elements."""
    if context.step.map_over is not None:
        return standing_elements(context, context.step.name)
    entry = context.store.entry(context.step.name, context.key)
    return [entry] if entry else []


def standing_elements(context: StepContext, step: str) -> list[Materialization]:
    """The published elements of a mapped step made from one list, without those left by an earlier, longer list."""
    entries: list[Materialization] = []
    while entry := context.store.entry(step, f"{context.request.partition}.{len(entries)}"):
        if entries and (entry.inputs, entry.settings_hash) != (entries[0].inputs, entries[0].settings_hash):
            break
        entries.append(entry)
    return entries


def digests(references: Mapping[str, Given]) -> dict[str, str]:
    """The digest of each input: of the content of one reference, or of the contents of several."""
    return {name: _digest(reference) for name, reference in references.items()}


def _digest(given: Given) -> str:
    if given is None:
        return "none"
    if isinstance(given, ArtifactRef):
        return given.digest
    if isinstance(given, dict):
        return digest_of({key: ref.digest if ref else "none" for key, ref in given.items()})
    return digest_of([reference.digest for reference in given])


def fingerprint(context: StepContext, inputs: Mapping[str, str], seen: Observed | None) -> str:
    """The digest of all that decides an output: code, settings, inputs, variables, and the element of a mapped step."""
    parts = {
        "code": code_of(context.step),
        "settings": context.settings,
        "inputs": dict(inputs),
        "index": context.index,
        "outside": seen.digest if seen else None,
        # what a secret is worth is known to workers alone, and a new one must make nothing stale
        **({"secrets": sorted(secret.name for secret in context.step.secrets)} if context.step.secrets else {}),
        **_resubmitted(context),
        **({"partitions": extent} if (extent := context.pipeline.partitions.extent) else {}),
        **({"sample": asdict(context.request.sample)} if context.request.sample else {}),
        **({"env": dict(context.step.env)} if context.step.env else {}),
    }
    return digest_of(parts)


def _resubmitted(context: StepContext) -> dict[str, str]:
    """The digest of the dead letters resubmitted to a partition; empty if there are none."""
    if "resubmitted" not in context.step.provided:
        return {}
    from counterpoint.deadletters import resubmitted_digest

    digest = resubmitted_digest(context.store, context.step.name, context.key)
    return {"resubmitted": digest} if digest else {}


def observed(context: StepContext) -> Observed | None:
    """The state of what a step reads from outside the pipeline, or None when it reads nothing there.

    Raises:
        SourceError: There is nothing to read for the partition.
    """
    if context.step.observe is None:
        return None
    values = {"partition": context.partition, **context.pipeline.config}
    arguments = {name: values[name] for name in parameters_of(context.step.observe)}
    try:
        observation = load(context.step.observe)(**arguments)
        return observation if isinstance(observation, Observed) else Observed(str(observation))
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
    values |= {name: _external_value(context, name, references[name]) for name in context.external}
    values.update(context.settings)
    if "partition" in context.step.provided:
        values["partition"] = context.partition
    if "resubmitted" in context.step.provided:
        from counterpoint.deadletters import resubmitted_rows

        values["resubmitted"] = resubmitted_rows(context.store, context.step.name, context.key)
    if context.step.map_over and context.index is not None:
        values[context.step.map_over] = values[context.step.map_over][context.index]
    return values


def _value(context: StepContext, step_input: Input, reference: Given) -> Any:
    if reference is None:
        return None
    if isinstance(reference, dict):
        return {key: context.read(ref, step_input.partial) if ref else None for key, ref in reference.items()}
    if isinstance(reference, tuple):
        return [context.read(element) for element in reference]
    return context.read(reference)


def _external_value(context: StepContext, parameter: str, reference: Given) -> Any:
    external = context.external[parameter]
    if isinstance(reference, dict):
        return {key: external.read(ref) if ref else None for key, ref in reference.items()}
    return external.read(reference) if isinstance(reference, ArtifactRef) else None


def count_of(context: StepContext, passed: Mapping[str, Any]) -> int:
    """How many elements a mapped step has."""
    if context.step.map_over in context.settings:
        return len(context.settings[context.step.map_over])
    return len(values_of(context, references_of(context, passed))[str(context.step.map_over)])


def choice_of(store: Store, reference: ArtifactRef | None) -> str | None:
    """The choice of a branch step, or None when it has no output."""
    return None if reference is None else str(store.read(reference))


def function_of(step: Step) -> Any:
    """The function of a step, imported now."""
    return load(step.function)

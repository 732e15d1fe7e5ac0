"""The verdict on two sides, as JSON values: equal or not, the first differences with hints, and the evidence."""

from __future__ import annotations

import hashlib
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import counterpoint
from counterpoint.diff import ModelDiff, TableDiff
from counterpoint.lineage.gather import source_of
from counterpoint.lineage.git import git_state
from counterpoint.model import order
from counterpoint.redaction import redacted
from counterpoint.storage import layout
from counterpoint_migrate.validate.causes import trace
from counterpoint_migrate.validate.data_sides import RunSide
from counterpoint_migrate.validate.explaining import Explainer
from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.matching import Status
from counterpoint_migrate.validate.validate import compare, how_of, refuse_nothing, sides_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from counterpoint.model import Pipeline
    from counterpoint_migrate.validate.causes import PartitionStep, Traced
    from counterpoint_migrate.validate.data_sides import Side
    from counterpoint_migrate.validate.hints import Hint
    from counterpoint_migrate.validate.matching import Match
    from counterpoint_migrate.validate.validate import Question

    Matches = Mapping[PartitionStep, Match]

FORM = 1


def validate(question: Question, python_of: Callable[[str], Path], command: Sequence[str] = ()) -> dict[str, Any]:
    """Runs or reads both sides, compares them, and returns the verdict.

    Args:
        question: the pipeline, the sides and the dates.
        python_of: the interpreter of an orchestrator's environment.
        command: the command line, for the verdict.

    Raises:
        UsageError: the question cannot be answered as asked.
        StepError: a side's run failed.
        ServiceError: an orchestrator is missing or did not start.
    """
    left, right = sides_of(question, python_of)
    pipeline = question.described

    def how(step: str) -> Any:
        return how_of(left, question.options, step, strict_order=question.strict_order)

    matches = compare(left, right, pipeline, question.dates, how)
    refuse_nothing(left, matches)
    return verdict_of(question, (left, right), matches, git_state(source_of(pipeline)), command)


def verdict_of(
    question: Question,
    sides: tuple[Side, Side],
    matches: Matches,
    git: Mapping[str, Any],
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """The verdict of a comparison; `git` is the state of the checkout with the pipeline."""
    pipeline, (left, right) = question.described, sides
    traced = trace(pipeline, matches)
    explainer = Explainer(pipeline, left, right)
    causes = [(difference, explainer.hint(difference.match)) for difference in traced if difference.is_cause]
    return {
        "verdict_form": FORM,
        "equal": not traced,
        "pipeline": question.pipeline,
        "dates": [*question.dates],
        "steps": [name for name in order(pipeline) if any(cell[0] == name for cell in matches)],
        "not_compared": _not_compared(pipeline, left, right),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "counterpoint": counterpoint.__version__,
        "git": dict(git),
        "command": _typed(command, question.root) if command else None,
        "how": _how(question),
        "sides": {"left": described(left, matches, "left"), "right": described(right, matches, "right")},
        "causes": _causes(causes, matches, pipeline),
        "consequences": _consequences([difference for difference in traced if not difference.is_cause]),
        "notes": _notes(matches),
        "outputs": [match.to_dict() for match in matches.values()],
    }


def _typed(command: Sequence[str], root: str) -> str:
    """A command as it was typed, with the root if only the environment had it."""
    names_root = any(word == "--root" or word.startswith("--root=") for word in command)
    return shlex.join(["counterpoint", *map(redacted, command), *([] if names_root else ["--root", root])])


def _not_compared(pipeline: Pipeline, left: Side, right: Side) -> list[dict[str, Any]]:
    reasons = [(name, left.gives(name) or right.gives(name)) for name in order(pipeline)]
    return [{"step": name, "reason": reason} for name, reason in reasons if reason]


def _how(question: Question) -> dict[str, Any]:
    options = question.options
    tolerance = {"default": options.tolerance.default, "columns": dict(options.tolerance.columns)}
    return {"strict_order": question.strict_order, "tolerance": tolerance, "samples": options.samples}


def described(side: Side, matches: Matches, position: str) -> dict[str, Any]:
    """A side with the origin of its outputs: the runs and their lineage, or the legacy file."""
    description = side.to_dict()
    if isinstance(side, RunSide):
        outputs = [output for match in matches.values() if (output := getattr(match, position))]
        description["runs"] = [
            _run(side, run_id) for run_id in dict.fromkeys(output.facts["run_id"] for output in outputs)
        ]
    if isinstance(side, LegacySide):
        description["file_sha256"] = hashlib.sha256(Path(side.file).read_bytes()).hexdigest()
    return description


def _run(side: RunSide, run_id: str) -> dict[str, Any]:
    path = layout.run_lineage(side.pipeline.name, run_id)
    lineage = side.store.get_json(path) or {}
    origin = {name: lineage.get(name) for name in ("partition", "orchestrator", "orchestrator_version", "git")}
    environment = {name: lineage.get(name) for name in ("configuration_hash", "environment")}
    return {"run_id": run_id, "lineage": side.store.uri(path) if lineage else None, **origin, **environment}


def _causes(
    hinted_causes: Sequence[tuple[Traced, Hint | None]], matches: Matches, pipeline: Pipeline
) -> list[dict[str, Any]]:
    """The causes, grouped by step and hint; a date without a hint joins the only hint of its step."""
    groups: dict[tuple[str, str | None], list[tuple[Traced, Hint | None]]] = {}
    for cause, hint in hinted_causes:
        groups.setdefault((cause.match.step, _name(cause, hint, hinted_causes)), []).append((cause, hint))
    return [_cause(group, matches, pipeline) for group in groups.values()]


def _name(traced: Traced, hint: Hint | None, hinted_causes: Sequence[tuple[Traced, Hint | None]]) -> str | None:
    names = {
        other_hint.name for cause, other_hint in hinted_causes if cause.match.step == traced.match.step and other_hint
    }
    return hint.name if hint else next(iter(names)) if len(names) == 1 else None


def _cause(group: Sequence[tuple[Traced, Hint | None]], matches: Matches, pipeline: Pipeline) -> dict[str, Any]:
    first = group[0][0]
    hinted = [(difference.match.date, hint) for difference, hint in group if hint]
    equal_by_value = [
        f"{step_input.step} of {difference.match.date}"
        for difference, _ in group
        for step_input in pipeline.step(difference.match.step).inputs
        if (input_match := matches.get((step_input.step, difference.match.date))) and input_match.by == "value"
    ]
    return {
        "step": first.match.step,
        "dates": [difference.match.date for difference, _ in group],
        "kinds": list(dict.fromkeys(difference.match.kind for difference, _ in group)),
        "evidence": [f"{difference.match.date}: {summary_of(difference.match)}" for difference, _ in group],
        "hint": {**hinted[0][1].to_dict(), "date": hinted[0][0], "dates": len(hinted)} if hinted else None,
        "inputs_not_compared": [f"{step} of {date}" for difference, _ in group for step, date in difference.unseen],
        "inputs_equal_by_value_only": equal_by_value,
    }


def summary_of(match: Match) -> str:
    """The difference of an output, on one line."""
    report = match.report
    if isinstance(report, TableDiff):
        counts = report.rows.to_dict()
        words = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
        cells = [f"{column.name} {column.changed:,}" for column in report.columns if column.changed]
        return f"rows: {words}" + (f"; changed cells: {', '.join(cells)}" if cells else "") + _schema(report)
    if isinstance(report, ModelDiff):
        changed = [tensor for tensor in report.tensors if not tensor.equal]
        return f"{len(changed)} of {len(report.tensors)} tensors differ, {len(report.values)} other values"
    if report is not None:
        first = report.values[0]
        left, right = first.told()
        place = f"{first.path or 'the value'}: {left} | {right}"
        return f"{len(report.values)} values differ, the first is {place}"
    return "; ".join(match.notes) or "differs"


def _schema(report: TableDiff) -> str:
    parts = [f"{name} only left" for name in report.schema.only_left]
    parts += [f"{name} only right" for name in report.schema.only_right]
    parts += [f"{column_type.name} {column_type.left} | {column_type.right}" for column_type in report.schema.types]
    return f"; columns: {', '.join(parts)}" if parts else ""


def _consequences(differences: Sequence[Traced]) -> list[dict[str, Any]]:
    """The outputs that differ because of their inputs, by step."""
    groups: dict[str, list[Traced]] = {}
    for difference in differences:
        groups.setdefault(difference.match.step, []).append(difference)
    return [
        {
            "step": step,
            "dates": [difference.match.date for difference in group],
            "because": [
                f"{name} of {date}"
                for name, date in dict.fromkeys(cause for difference in group for cause in difference.because)
            ],
        }
        for step, group in groups.items()
    ]


def _notes(matches: Matches) -> list[dict[str, Any]]:
    """The notes on outputs that count as equal."""
    groups: dict[tuple[str, str], list[str]] = {}
    for match in matches.values():
        for note in match.notes if match.status is Status.EQUAL else ():
            groups.setdefault((match.step, note), []).append(match.date)
    return [{"step": step, "note": note, "dates": dates} for (step, note), dates in groups.items()]

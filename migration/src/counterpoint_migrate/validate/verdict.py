"""The verdict on two sides, as JSON values: equal or not, what differs first and why, and what all of it rests on."""

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
    """Runs or reads both sides, compares them, and says whether they are equal.

    Raises:
        UsageError: what was asked for cannot be done as it was asked.
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
    """What a comparison says; `git` is the state of the checkout that holds the pipeline."""
    pipeline, (left, right) = question.described, sides
    traced = trace(pipeline, matches)
    explainer = Explainer(pipeline, left, right)
    causes = [(one, explainer.hint(one.match)) for one in traced if one.is_cause]
    return {
        "verdict_form": FORM,
        "equal": not traced,
        "pipeline": question.pipeline,
        "dates": [*question.dates],
        "steps": [name for name in order(pipeline) if any(cell[0] == name for cell in matches)],
        "not_compared": _left_out(pipeline, left, right),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "counterpoint": counterpoint.__version__,
        "git": dict(git),
        "command": _typed(command, question.root) if command else None,
        "how": _how(question),
        "sides": {"left": described(left, matches, "left"), "right": described(right, matches, "right")},
        "causes": _causes(causes, matches, pipeline),
        "consequences": _consequences([one for one in traced if not one.is_cause]),
        "notes": _notes(matches),
        "outputs": [match.to_dict() for match in matches.values()],
    }


def _typed(command: Sequence[str], root: str) -> str:
    """A command as it was typed, which says which root, also where the environment said so then."""
    named = any(word == "--root" or word.startswith("--root=") for word in command)
    return shlex.join(["counterpoint", *map(redacted, command), *([] if named else ["--root", root])])


def _left_out(pipeline: Pipeline, left: Side, right: Side) -> list[dict[str, Any]]:
    told = [(name, left.gives(name) or right.gives(name)) for name in order(pipeline)]
    return [{"step": name, "reason": reason} for name, reason in told if reason]


def _how(question: Question) -> dict[str, Any]:
    options = question.options
    tolerance = {"default": options.tolerance.default, "columns": dict(options.tolerance.columns)}
    return {"strict_order": question.strict_order, "tolerance": tolerance, "samples": options.samples}


def described(side: Side, matches: Matches, which: str) -> dict[str, Any]:
    """A side with what its outputs rest on: the runs and their lineage, or the file that tells where they lie."""
    found = side.to_dict()
    if isinstance(side, RunSide):
        outputs = [output for match in matches.values() if (output := getattr(match, which))]
        found["runs"] = [_run(side, run_id) for run_id in dict.fromkeys(output.facts["run_id"] for output in outputs)]
    if isinstance(side, LegacySide):
        found["file_sha256"] = hashlib.sha256(Path(side.file).read_bytes()).hexdigest()
    return found


def _run(side: RunSide, run_id: str) -> dict[str, Any]:
    path = layout.run_lineage(side.pipeline.name, run_id)
    lineage = side.store.get_json(path) or {}
    told = {name: lineage.get(name) for name in ("partition", "orchestrator", "orchestrator_version", "git")}
    more = {name: lineage.get(name) for name in ("configuration_hash", "environment")}
    return {"run_id": run_id, "lineage": side.store.uri(path) if lineage else None, **told, **more}


def _causes(found: Sequence[tuple[Traced, Hint | None]], matches: Matches, pipeline: Pipeline) -> list[dict[str, Any]]:
    """The causes, those of a step with the same hint as one; a date without a hint goes with the only one there is."""
    groups: dict[tuple[str, str | None], list[tuple[Traced, Hint | None]]] = {}
    for one, hint in found:
        groups.setdefault((one.match.step, _name(one, hint, found)), []).append((one, hint))
    return [_cause(group, matches, pipeline) for group in groups.values()]


def _name(one: Traced, hint: Hint | None, found: Sequence[tuple[Traced, Hint | None]]) -> str | None:
    names = {other.name for cause, other in found if cause.match.step == one.match.step and other}
    return hint.name if hint else next(iter(names)) if len(names) == 1 else None


def _cause(group: Sequence[tuple[Traced, Hint | None]], matches: Matches, pipeline: Pipeline) -> dict[str, Any]:
    first = group[0][0]
    hinted = [(one.match.date, hint) for one, hint in group if hint]
    loose = [
        f"{given.step} of {one.match.date}"
        for one, _ in group
        for given in pipeline.step(one.match.step).inputs
        if (above := matches.get((given.step, one.match.date))) and above.by == "value"
    ]
    return {
        "step": first.match.step,
        "dates": [one.match.date for one, _ in group],
        "kinds": list(dict.fromkeys(one.match.kind for one, _ in group)),
        "evidence": [f"{one.match.date}: {summary_of(one.match)}" for one, _ in group],
        "hint": {**hinted[0][1].to_dict(), "date": hinted[0][0], "dates": len(hinted)} if hinted else None,
        "inputs_not_compared": [f"{step} of {date}" for one, _ in group for step, date in one.unseen],
        "inputs_equal_by_value_only": loose,
    }


def summary_of(match: Match) -> str:
    """How an output differs, on one line."""
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
    parts += [f"{t.name} {t.left} | {t.right}" for t in report.schema.types]
    return f"; columns: {', '.join(parts)}" if parts else ""


def _consequences(found: Sequence[Traced]) -> list[dict[str, Any]]:
    """What differs because something that it was made from does, by step."""
    groups: dict[str, list[Traced]] = {}
    for one in found:
        groups.setdefault(one.match.step, []).append(one)
    return [
        {
            "step": step,
            "dates": [one.match.date for one in group],
            "because": [f"{name} of {date}" for name, date in dict.fromkeys(c for one in group for c in one.because)],
        }
        for step, group in groups.items()
    ]


def _notes(matches: Matches) -> list[dict[str, Any]]:
    """What is told of outputs that are equal all the same."""
    groups: dict[tuple[str, str], list[str]] = {}
    for match in matches.values():
        for note in match.notes if match.status is Status.EQUAL else ():
            groups.setdefault((match.step, note), []).append(match.date)
    return [{"step": step, "note": note, "dates": dates} for (step, note), dates in groups.items()]

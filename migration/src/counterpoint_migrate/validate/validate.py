"""Runs or reads both sides, and compares every output of every date."""

from __future__ import annotations

import json
import logging
import shlex
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint import commands
from counterpoint.diff import Options
from counterpoint.errors import ServiceError, StepError, UsageError
from counterpoint.model import order
from counterpoint.processes import die_with_parent
from counterpoint.redaction import redacted_values
from counterpoint.runtime import find_pipeline
from counterpoint.storage import layout
from counterpoint_migrate.validate.data_sides import VERSION, RunSide
from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.legacyfile import read_legacy
from counterpoint_migrate.validate.matching import How, Match, Status, match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from counterpoint.model import Pipeline
    from counterpoint_migrate.validate.data_sides import Side

log = logging.getLogger(__name__)
_USAGE, _MISSING, _INTERRUPTED = 2, 3, 130


@dataclass(frozen=True)
class Question:
    """The question of a validation: pipeline, first and last date, both sides; `words` are the setting options."""

    pipeline: str
    first: str
    last: str
    source: str
    target: str
    root: str
    config: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    legacy: Path | None = None
    service: bool = False
    options: Options = field(default_factory=Options)
    strict_order: bool = False

    def __post_init__(self) -> None:
        if "://" in self.root:
            raise UsageError(f"each side needs a local folder: {self.root} is not one: name a folder by --root")

    @property
    def described(self) -> Pipeline:
        """The pipeline with its settings."""
        return find_pipeline(self.pipeline).configured(self.config)

    @property
    def dates(self) -> tuple[str, ...]:
        """Every date to compare.

        Raises:
            UsageError: a date is malformed or before the pipeline's first, or the range is reversed.
        """
        partitions = self.described.partitions
        for key in (self.first, self.last):
            partitions.partition(key)
        dates = partitions.range(self.first, self.last)
        if not dates:
            raise UsageError(f"--dates {self.first}..{self.last} is reversed: write --dates {self.last}..{self.first}")
        return dates


def sides_of(question: Question, python_of: Callable[[str], Path]) -> tuple[Side, Side]:
    """Both sides; each one without a legacy file executes a backfill of its own first.

    Raises:
        UsageError: the sides are the same, or a setting or the legacy file is wrong.
        StepError: a run failed; the message names the step and the date.
        ServiceError: an orchestrator is missing or did not start.
    """
    if question.legacy is None and question.source == question.target:
        raise UsageError(f"--from and --to are both {question.source}: name two, or give the first one's --legacy FILE")
    dates, pythons = question.dates, {name: python_of(name) for name in _sides_to_run(question)}
    log.info("%s: %s, %s to %s", question.pipeline, f"{len(dates)} dates", dates[0], dates[-1])
    left = _legacy(question) if question.legacy else _run(question, question.source, pythons)
    return left, _run(question, question.target, pythons)


def _sides_to_run(question: Question) -> tuple[str, ...]:
    return (question.target,) if question.legacy else (question.source, question.target)


def _legacy(question: Question) -> LegacySide:
    assert question.legacy is not None  # noqa: S101 - checked by the caller
    file = question.legacy.resolve()
    values, specs = read_legacy(question.legacy, question.described)
    return LegacySide(question.source, question.described, str(file), file.parent, values, specs)


def _run(question: Question, name: str, pythons: Mapping[str, Path]) -> RunSide:
    root = str(Path(question.root).absolute() / layout.validated_root(name))
    words = ["backfill", question.pipeline, "--from", question.first, "--to", question.last, "--on", name]
    words += ["--version", VERSION, *question.words, *(["--service"] if question.service and name != "local" else [])]
    command = ["counterpoint", *words, "--root", root]
    log.info("%s: %s", name, shlex.join(redacted_values(command)))
    report = _report_of(name, [str(pythons[name]), "-P", "-m", *command, "--json"])
    side = RunSide(name, root, question.pipeline, question.config, None, command)
    return replace(side, orchestrator_version=_version(side, report))


def _report_of(name: str, command: Sequence[str]) -> dict[str, Any]:
    """Runs a backfill and returns its report; its progress goes to our stderr."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it loads nothing
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if process.returncode == _INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode == _MISSING:
        raise ServiceError(f"{name} is missing or did not start: see above")
    report: dict[str, Any] = json.loads(output) if output.strip() else {}
    if process.returncode == _USAGE and not report:
        raise UsageError(f"the {name} side could not be run as asked: see above")
    if process.returncode:
        root = command[command.index("--root") + 1]
        raise StepError(f"the {name} side failed, so nothing is compared: {_failure(report, root)}")
    return report


def _failure(report: Mapping[str, Any], root: str) -> str:
    for row in (*report.get("upstream", ()), *report.get("partitions", ())):
        if row["error"]:
            error = f"{row['error']['type']}: {row['error']['message']}"
            why_command = commands.command("why", row["run_id"], root=root)
            return f"{row['failed_step']} of {row['date']}: {error}; '{why_command}' tells more"
    return "see above"


def _version(side: RunSide, report: Mapping[str, Any]) -> str | None:
    """The version of the orchestrator that ran the last date, from its record."""
    for row in reversed(report["partitions"]):
        record = side.store.get_json(layout.run_record(side.pipeline.name, row["run_id"]))
        if record:
            return str(record["orchestrator_version"])
    return None


def how_of(left: Side, options: Options, step: str, *, strict_order: bool) -> How:
    """The options for comparing a step's outputs: those of the legacy file, else the general ones."""
    spec = left.specs.get(step) if isinstance(left, LegacySide) else None
    if spec is None or not (spec.key or spec.tolerance):
        return How(options, strict_order)
    step_options = replace(options, key=spec.key or options.key, tolerance=spec.tolerance or options.tolerance)
    return How(step_options, strict_order, (*spec.key, *(spec.tolerance.columns if spec.tolerance else ())))


def compare(
    left: Side, right: Side, pipeline: Pipeline, dates: Sequence[str], how: Callable[[str], How]
) -> dict[tuple[str, str], Match]:
    """Compares every output of every step that both sides have, by date and then in the order of the steps.

    Raises:
        UsageError: an output cannot be read, or a key or tolerance does not fit.
    """
    steps = [name for name in order(pipeline) if left.gives(name) is None and right.gives(name) is None]
    matches: dict[tuple[str, str], Match] = {}
    for date in dates:
        date_matches = [
            match(name, date, left.output(name, date), right.output(name, date), how(name)) for name in steps
        ]
        matches.update({date_match.cell: date_match for date_match in date_matches})
        counts = Counter(date_match.status.value for date_match in date_matches)
        log.info("%s: %s", date, ", ".join(f"{count} {status}" for status, count in counts.items()))
    return matches


def refuse_nothing(left: Side, matches: Mapping[tuple[str, str], Match]) -> None:
    """Refuses a verdict without outputs, or with a legacy step that has no output while the other side has.

    Raises:
        UsageError: outputs are missing; the message names their place.
    """
    if all(step_match.status is Status.ABSENT for step_match in matches.values()):
        raise UsageError("neither side has any output for these dates, so there is nothing to compare: correct --dates")
    if not isinstance(left, LegacySide):
        return
    for step in left.specs:
        step_matches = [step_match for step_match in matches.values() if step_match.step == step]
        absent = all(step_match.left is None or not step_match.left.stored for step_match in step_matches)
        if absent and any(step_match.status is Status.DIFFERS for step_match in step_matches):
            place = left.place(step, step_matches[0].date)
            raise UsageError(
                f"{left.file}: [steps.{step}] has no output for any of the {len(step_matches)} dates; the first was"
                f" expected at {place}: correct the path, {{date:FORMAT}} or where"
            )

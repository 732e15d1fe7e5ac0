"""Proving that two sides make the same data: both are run or read, and every output of every date is compared."""

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
    """What is to be proved: a pipeline, the first and last date, both sides; `words` are those of its settings."""

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
            raise UsageError(f"each side has a folder of its own, so {self.root} does not do: name a folder by --root")

    @property
    def described(self) -> Pipeline:
        """The pipeline with its settings."""
        return find_pipeline(self.pipeline).configured(self.config)

    @property
    def dates(self) -> tuple[str, ...]:
        """Every date that is compared.

        Raises:
            UsageError: a date has another form or lies before the pipeline's first, or the range is reversed.
        """
        partitions = self.described.partitions
        for key in (self.first, self.last):
            partitions.partition(key)
        found = partitions.range(self.first, self.last)
        if not found:
            raise UsageError(f"--dates {self.first}..{self.last} is reversed: write --dates {self.last}..{self.first}")
        return found


def sides_of(question: Question, python_of: Callable[[str], Path]) -> tuple[Side, Side]:
    """Both sides, those that are not read from a legacy file after a backfill of their own.

    Raises:
        UsageError: the sides are the same, or a setting or the legacy file is wrong.
        StepError: a run failed; names the step and the date.
        ServiceError: an orchestrator is missing or did not start.
    """
    if question.legacy is None and question.source == question.target:
        raise UsageError(f"--from and --to are both {question.source}: name two, or give the first one's --legacy FILE")
    dates, pythons = question.dates, {name: python_of(name) for name in _run_by_us(question)}
    log.info("%s: %s, %s to %s", question.pipeline, f"{len(dates)} dates", dates[0], dates[-1])
    left = _legacy(question) if question.legacy else _run(question, question.source, pythons)
    return left, _run(question, question.target, pythons)


def _run_by_us(question: Question) -> tuple[str, ...]:
    return (question.target,) if question.legacy else (question.source, question.target)


def _legacy(question: Question) -> LegacySide:
    assert question.legacy is not None  # noqa: S101 - told apart by the caller
    file = question.legacy.resolve()
    values, specs = read_legacy(question.legacy, question.described)
    return LegacySide(question.source, question.described, str(file), file.parent, values, specs)


def _run(question: Question, name: str, pythons: Mapping[str, Path]) -> RunSide:
    root = str(Path(question.root).absolute() / layout.validated_root(name))
    words = ["backfill", question.pipeline, "--from", question.first, "--to", question.last, "--on", name]
    words += ["--version", VERSION, *question.words, *(["--service"] if question.service and name != "local" else [])]
    command = ["counterpoint", *words, "--root", root]
    log.info("%s: %s", name, shlex.join(redacted_values(command)))
    report = _answer(name, [str(pythons[name]), "-P", "-m", *command, "--json"])
    found = RunSide(name, root, question.pipeline, question.config, None, command)
    return replace(found, orchestrator_version=_version(found, report))


def _answer(name: str, command: Sequence[str]) -> dict[str, Any]:
    """What a backfill told; its progress goes on to our stderr."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it loads nothing
    )
    try:
        told, _ = process.communicate()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if process.returncode == _INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode == _MISSING:
        raise ServiceError(f"{name} is missing or did not start: see above")
    report: dict[str, Any] = json.loads(told) if told.strip() else {}
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
            why = commands.command("why", row["run_id"], root=root)
            return f"{row['failed_step']} of {row['date']}: {error}; '{why}' tells more"
    return "see above"


def _version(side: RunSide, report: Mapping[str, Any]) -> str | None:
    """The version of what ran the last date, as its record tells it."""
    for row in reversed(report["partitions"]):
        record = side.store.get_json(layout.run_record(side.pipeline.name, row["run_id"]))
        if record:
            return str(record["orchestrator_version"])
    return None


def how_of(left: Side, options: Options, step: str, *, strict_order: bool) -> How:
    """How the outputs of a step are compared: as the legacy file says for it, else as for all."""
    spec = left.specs.get(step) if isinstance(left, LegacySide) else None
    if spec is None or not (spec.key or spec.tolerance):
        return How(options, strict_order)
    own = replace(options, key=spec.key or options.key, tolerance=spec.tolerance or options.tolerance)
    return How(own, strict_order, (*spec.key, *(spec.tolerance.columns if spec.tolerance else ())))


def compare(
    left: Side, right: Side, pipeline: Pipeline, dates: Sequence[str], how: Callable[[str], How]
) -> dict[tuple[str, str], Match]:
    """Every output of every step that both sides give, by date and then in the order of the steps.

    Raises:
        UsageError: an output cannot be read, a key or tolerance does not fit, or a legacy step has nothing at all.
    """
    steps = [name for name in order(pipeline) if left.gives(name) is None and right.gives(name) is None]
    found: dict[tuple[str, str], Match] = {}
    for date in dates:
        of_date = [match(name, date, left.output(name, date), right.output(name, date), how(name)) for name in steps]
        found.update({one.cell: one for one in of_date})
        counts = Counter(one.status.value for one in of_date)
        log.info("%s: %s", date, ", ".join(f"{count} {status}" for status, count in counts.items()))
    return found


def refuse_nothing(left: Side, matches: Mapping[tuple[str, str], Match]) -> None:
    """Refuses to judge where there is nothing, or where a legacy step has nothing and the other side has.

    Raises:
        UsageError: it is so; names the place that was looked at.
    """
    if all(one.status is Status.ABSENT for one in matches.values()):
        raise UsageError("neither side has any output for these dates, so there is nothing to compare: mend --dates")
    if not isinstance(left, LegacySide):
        return
    for step in left.specs:
        of_step = [one for one in matches.values() if one.step == step]
        absent = all(one.left is None or not one.left.stored for one in of_step)
        if absent and any(one.status is Status.DIFFERS for one in of_step):
            place = left.place(step, of_step[0].date)
            raise UsageError(
                f"{left.file}: [steps.{step}] has nothing for any of the {len(of_step)} dates, the first of which was"
                f" looked for at {place}: mend the path, {{date:FORMAT}} or where"
            )

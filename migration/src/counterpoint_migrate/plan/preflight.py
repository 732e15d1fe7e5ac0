"""What a pipeline means otherwise on another orchestrator, property by property, before it moves there.

The verdicts: `refused`, an adapter refuses the pipeline for it; `differs`, a person notices something else;
`stands in`, it comes to the same, on one side by something that stands in; `same`.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import TriggerRule, WaitKind
from counterpoint.runtime import find_pipeline
from counterpoint_migrate.plan.limits import Lack, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from counterpoint.model import Pipeline, Step

VERDICTS = ("refused", "differs", "stands in", "same")
_WHOLE = ("pipeline",)
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Property:
    """A property whose meaning may differ; see `semantics.toml`."""

    name: str
    title: str
    uses: str
    limits: tuple[str, ...]
    scenarios: tuple[str, ...]
    seen: Mapping[str, str]
    note: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One orchestrator's side of a property: what it lacks, and what a person sees there."""

    limits: tuple[Lack, ...]
    seen: str | None

    @property
    def text(self) -> str:
        """In words."""
        said = [f"{lack.reason}: {lack.stand_in or 'refused'}" for lack in self.limits]
        return "\n".join([*said, *([self.seen] if self.seen else [])])


@dataclass(frozen=True, slots=True)
class Row:
    """A property of a pipeline between two orchestrators; `used_by` are steps, or the whole pipeline."""

    name: str
    title: str
    used_by: tuple[str, ...]
    verdict: str
    source: Side
    target: Side
    scenarios: tuple[str, ...]
    note: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """The properties of a pipeline between two orchestrators."""

    pipeline: str
    source: str
    target: str
    rows: tuple[Row, ...]

    @property
    def refused(self) -> bool:
        """Whether an adapter refuses the pipeline."""
        return any(row.verdict == "refused" for row in self.rows)

    @property
    def summary(self) -> str:
        """How many of each verdict."""
        counts = Counter(row.verdict for row in self.rows)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of the command."""
        ends = {"from": self.source, "to": self.target}
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            row |= {"from": row.pop("source"), "to": row.pop("target")}
        return {"pipeline": self.pipeline, **ends, "refused": self.refused, "rows": rows}


def preflight(
    name: str, source: str, target: str, python_of: Callable[[str], Path], *, every: bool = False
) -> Preflight:
    """What a pipeline means otherwise on one orchestrator than on another; `every` tells also what it does not use.

    Raises:
        UsageError: there is no such pipeline, or both sides are one.
        ServiceError: the adapter of a side is not installed anywhere.
    """
    pipeline = find_pipeline(name)
    if source == target:
        raise UsageError(f"--from {source} --to {target}: name two orchestrators")
    lacking = [ask(side, name, python_of) for side in (source, target)]
    rows = compare(pipeline, (source, target), lacking)
    return Preflight(pipeline.name, source, target, tuple(row for row in rows if every or row.used_by))


def compare(pipeline: Pipeline, names: tuple[str, str], lacking: Sequence[Sequence[Lack]]) -> list[Row]:
    """A row for each property, and one for each limit that belongs to none of them."""
    known = {subject for one in properties() for subject in one.limits}
    others = dict.fromkeys(lack.subject for lacks in lacking for lack in lacks if lack.subject not in known)
    unnamed = [Property(_OTHER, subject, "always", (subject,), (), {}) for subject in others]
    return [_row(one, pipeline, names, lacking) for one in (*properties(), *unnamed)]


def _row(one: Property, pipeline: Pipeline, names: tuple[str, str], lacking: Sequence[Sequence[Lack]]) -> Row:
    source, target = (
        Side(tuple(lack for lack in lacks if lack.subject in one.limits), one.seen.get(name))
        for name, lacks in zip(names, lacking, strict=True)
    )
    used = USES[one.uses](pipeline)
    verdict = _verdict(source, target)
    return Row(one.name, one.title, used, verdict, source, target, one.scenarios, one.note, one.source)


def _verdict(source: Side, target: Side) -> str:
    both = (*source.limits, *target.limits)
    if any(lack.refuses for lack in both):
        return "refused"
    if source.seen != target.seen:
        return "differs"
    return "stands in" if any(lack.stand_in for lack in both) else "same"


@cache
def properties() -> tuple[Property, ...]:
    """All of them, in the order of the file."""
    with Path(__file__).with_name("semantics.toml").open("rb") as file:
        found = tomllib.load(file)["property"]
    lists = ("limits", "scenarios")
    return tuple(Property(**{"seen": {}, **one, **{name: tuple(one[name]) for name in lists}}) for one in found)


def _steps(uses: Callable[[Step], Any]) -> Callable[[Pipeline], tuple[str, ...]]:
    return lambda pipeline: tuple(step.name for step in pipeline.steps if uses(step))


def _whole(uses: Callable[[Pipeline], Any]) -> Callable[[Pipeline], tuple[str, ...]]:
    return lambda pipeline: _WHOLE if uses(pipeline) else ()


# by the name of a rule: the steps of a pipeline that it is about, or the pipeline as a whole
USES: dict[str, Callable[[Pipeline], tuple[str, ...]]] = {
    "always": _whole(lambda _: True),
    "schedule": _whole(lambda pipeline: pipeline.schedule),
    "zoned": _whole(lambda pipeline: pipeline.schedule and pipeline.schedule.timezone != "UTC"),
    "deadline": _whole(lambda pipeline: pipeline.deadline),
    "retries": _steps(lambda step: step.retry.retries),
    "trigger_rules": _steps(lambda step: step.trigger_rule is not TriggerRule.ALL_SUCCESS),
    "one_success": _steps(lambda step: step.trigger_rule is TriggerRule.ONE_SUCCESS),
    "branches": _steps(lambda step: step.when),
    "timeouts": _steps(lambda step: step.timeout),
    "windows": _steps(lambda step: any(given.window for given in step.inputs)),
    "pools": _steps(lambda step: step.pool),
    "freshness": _steps(lambda step: step.freshness),
    "mapped": _steps(lambda step: step.map_over),
    "unpartitioned": _steps(lambda step: not step.output.partitioned),
    "waits": _steps(lambda step: step.waits),
    "external_inputs": _steps(lambda step: step.external_inputs),
    "approval": _steps(lambda step: any(wait.kind is WaitKind.APPROVAL for wait in step.waits)),
    "resources": _steps(lambda step: step.resources),
    "images": _steps(lambda step: step.image),
    "groups": _steps(lambda step: step.group),
    "tags": _steps(lambda step: step.tags),
    "core": _steps(lambda step: step.output.contract or step.breaker or step.max_input_age or step.reprocess),
}

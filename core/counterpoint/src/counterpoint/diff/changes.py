"""What changed between two runs beside their outputs: steps, code, configuration, inputs, metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.diff.inputs import InputDiff, input_changes
from counterpoint.diff.lines import lines_changed
from counterpoint.model import RunRecord, Status
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.storage import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What changed from the left run to the right one.

    `steps` are those that one side alone has. `code` names functions by module, with the lines where both commits are
    at hand. `configuration` and `metrics` hold what differs, by both sides. `unknown` says what could not be compared.
    """

    steps: Mapping[str, Sequence[str]]
    code: Mapping[str, Any]
    configuration: Sequence[Json]
    inputs: Sequence[InputDiff]
    metrics: Sequence[Json]
    unknown: Sequence[str] = ()

    def to_dict(self) -> Json:
        """As JSON values."""
        return {
            "steps": {name: list(names) for name, names in self.steps.items()},
            "code": dict(self.code),
            "configuration": list(self.configuration),
            "inputs": [each.to_dict() for each in self.inputs],
            "metrics": list(self.metrics),
            "unknown": list(self.unknown),
        }


def run_changes(stores: Sequence[Store], records: Sequence[RunRecord]) -> RunChanges:
    """What changed from one run to another.

    Args:
        stores: The store of each run.
        records: Their records.
    """
    lineages = [_lineage(store, record) for store, record in zip(stores, records, strict=True)]
    without = [record.run_id for record, lineage in zip(records, lineages, strict=True) if lineage is None]
    metrics = _metrics(*records)
    steps = _steps(*(_names(*pair) for pair in zip(records, lineages, strict=True)))
    left, right = lineages
    if left is None or right is None:
        unknown = [f"code, configuration and inputs: run {run_id} has no lineage" for run_id in without]
        return RunChanges(steps, {"functions": [], "lines": None, "note": None}, (), (), metrics, unknown)
    unknown = [f"functions: the lineage of {each['run_id']} is older than they are" for each in (left, right)
               if not each.get("sources")]  # fmt: skip
    configuration = _configuration(left["configuration"], right["configuration"])
    if left["configuration_hash"] != right["configuration_hash"] and not configuration:
        unknown.append("configuration: a setting that is a secret differs")
    code = _code(left, right)
    return RunChanges(steps, code, configuration, input_changes(stores, (left, right)), metrics, unknown)


def _lineage(store: Store, record: RunRecord) -> Json | None:
    lineage: Json | None = store.get_json(layout.run_lineage(store.pipeline.name, record.run_id))
    return lineage


def _names(record: RunRecord, lineage: Json | None) -> list[str]:
    """The steps of the pipeline as it was; of an old run, those that it ran."""
    return list(lineage["code"]) if lineage else [step.name for step in record.steps]


def _steps(left: Sequence[str], right: Sequence[str]) -> dict[str, list[str]]:
    return {
        "added": [name for name in right if name not in left],
        "removed": [name for name in left if name not in right],
    }


def _code(left: Json, right: Json) -> Json:
    """The functions that differ, each with the steps that reach its module."""
    sources = [side.get("sources", {}) for side in (left, right)]
    functions = []
    for module in sorted({*sources[0], *sources[1]}) if all(sources) else ():
        sides = [each.get(module) for each in sources]
        functions += [
            {**change, "steps": _reaching(module, left, right)} for change in function_changes(module, *sides)
        ]
    lines, note = lines_changed(left, right) if functions else (None, None)
    return {"functions": functions, "lines": lines, "note": note}


def function_changes(module: str, left: Json | None, right: Json | None) -> list[Json]:
    """The functions in which two states of a module differ: `function` (None: only its text), and how."""
    if left and right and left["digest"] == right["digest"]:
        return []
    sides = [each["functions"] if each else {} for each in (left, right)]
    names = [name for name in sorted({*sides[0], *sides[1]}) if sides[0].get(name) != sides[1].get(name)]
    changes = [
        {"module": module, "function": name, "change": _change(sides[0].get(name), sides[1].get(name))}
        for name in names
    ]
    return changes or [{"module": module, "function": None, "change": _change(left, right)}]


def _change(left: object, right: object) -> str:
    return "added" if left is None else "removed" if right is None else "changed"


def _reaching(module: str, *lineages: Json) -> list[str]:
    reach = [side.get("reach", {}).items() for side in lineages]
    return sorted({step for items in reach for step, each in items if module in each["modules"]})


def _configuration(left: Json, right: Json) -> list[Json]:
    return [
        {"name": name, "left": left.get(name), "right": right.get(name), "change": _setting(name, left, right)}
        for name in sorted({*left, *right})
        if name not in left or name not in right or left[name] != right[name]
    ]


def _setting(name: str, left: Json, right: Json) -> str:
    return "added" if name not in left else "removed" if name not in right else "changed"


def _metrics(left: RunRecord, right: RunRecord) -> list[Json]:
    sides = [
        {step.name: step.metrics for step in side.steps if step.status is Status.SUCCESS} for side in (left, right)
    ]
    changes = []
    for step in [step.name for step in left.steps if step.name in sides[0] and step.name in sides[1]]:
        before, after = (_flat(side[step]) for side in sides)
        changes += [
            {"step": step, "metric": name, "left": before.get(name), "right": after.get(name)}
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return changes


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    values_by_name: dict[str, Any] = {}
    for name, value in values.items():
        values_by_name |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return values_by_name

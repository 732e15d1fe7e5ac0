"""Changes between two reports: their conditions, the data, and the figures that changed significantly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.files import put
from counterpoint_compare.report import templates
from counterpoint_compare.reports import counted, machine_of, measures_of, refuse_other, workloads_of
from counterpoint_compare.significance import EFFECT, LEVEL, ROUNDS, adjusted, at_least, chance, is_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint_compare.reports import Measure, Results
    from counterpoint_compare.significance import Term

    Key = tuple[str, str]
    Measures = Mapping[Key, Measure]
    Row = dict[str, Any]

# alike: no change that is both significant and large enough
CANNOT_TELL, ALIKE = "cannot tell", "alike"
# by (the figure grew, same machine): a ratio between two sides can grow because of either side
_VERDICTS = {(True, True): "worse", (False, True): "better", (True, False): "higher", (False, False): "lower"}
_SHOWN = (*_VERDICTS.values(), CANNOT_TELL, ALIKE)


def against(old: Results, new: Results) -> dict[str, Any]:
    """The document of `compare --against`: digests, the conditions of both reports, and every figure.

    Two reports of the same machine are compared figure by figure. Between machines, the ratio of each figure to the
    first side that has it is compared.

    Raises:
        UsageError: the reports are of different pipelines, partitions or sources.
    """
    refuse_other({"old": old, "new": new})
    same_machine = machine_of(old) == machine_of(new)
    old_measures, new_measures = measures_of(old), measures_of(new)
    changed_workloads = _other_workloads(old, new)
    common = [key for key in old_measures if key in new_measures and key[0].split(".")[0] not in changed_workloads]
    pairs = [(key, None) for key in common] if same_machine else list(_with_reference(common))
    rows = _judged(
        [_row(old_measures, new_measures, key, reference) for key, reference in pairs], same_machine=same_machine
    )
    return {
        "pipeline": new["pipeline"],
        "date": new["date"],
        "old": _about(old),
        "new": _about(new),
        "same_machine": same_machine,
        "digests": _digests(old, new),
        "changes": _changes(old, new),
        "rule": {"level": LEVEL, "least_change": EFFECT, "least_rounds": ROUNDS},
        "figures": rows,
        "left_out": [
            *_busy(old, new),
            *changed_workloads.values(),
            *_in_one_report(old_measures, new_measures, changed_workloads),
        ],
        "worse": sum(row["verdict"] == "worse" for row in rows),
        "better": sum(row["verdict"] == "better" for row in rows),
    }


def differs(comparison: Mapping[str, Any]) -> bool:
    """Whether data differ, or a figure is significantly worse."""
    return not comparison["digests"]["equal"] or comparison["worse"] > 0


def write_against(comparison: Mapping[str, Any], out: Path) -> Path:
    """Writes against.html and against.md into a folder; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("against.html", "against.md"):
        put(out / name, templates().get_template(f"{name}.j2").render(a=comparison))
    return out / "against.html"


def _about(results: Results) -> dict[str, Any]:
    return {"made": results["made"], "machine": machine_of(results)}


def _with_reference(keys: Sequence[Key]) -> Iterator[tuple[Key, Key]]:
    firsts: dict[str, Key] = {}
    for key in keys:
        first = firsts.setdefault(key[0], key)
        if first != key:
            yield key, first


def _row(old_measures: Measures, new_measures: Measures, key: Key, reference: Key | None) -> Row:
    """One figure in both reports, with the p-value of its change; None if a report has too few values for it."""
    (name, side), unit = key, new_measures[key].unit
    old, new = (_summary(measures, key, reference) for measures in (old_measures, new_measures))
    doubts = [
        (report, measures[measure_key].doubt)
        for report, measures in (("old", old_measures), ("new", new_measures))
        for measure_key in (key, reference)
        if measure_key
    ]
    reason = next((f"{report}: {doubt}" for report, doubt in doubts if doubt), None)
    terms: list[Term] = [(1, new_measures[key].values), (-1, old_measures[key].values)]
    if reference:
        terms += [(-1, new_measures[reference].values), (1, old_measures[reference].values)]
    return {
        "name": name,
        "title": new_measures[key].title,
        "unit": "" if reference else unit,
        "side": side,
        "to": reference[1] if reference else None,
        "old": old,
        "new": new,
        "ratio": new["median"] / old["median"] if reference else _ratio(new, old, unit, "median", "median"),
        "chance": None if reason else chance(terms, unit),
        "reason": reason,
    }


def _summary(measures: Measures, key: Key, reference: Key | None) -> Row:
    measure, unit = measures[key], measures[key].unit
    summary = {"rounds": len(measure.values), **{name: measure.summary[name] for name in ("median", "low", "high")}}
    if reference:
        bounds = (("median", "median"), ("low", "high"), ("high", "low"))
        summary |= {
            upper: _ratio(measure.summary, measures[reference].summary, unit, upper, lower) for upper, lower in bounds
        }
    return summary


def _ratio(numerator: Mapping[str, Any], denominator: Mapping[str, Any], unit: str, upper: str, lower: str) -> float:
    return at_least(numerator[upper], unit) / at_least(denominator[lower], unit)


def _judged(rows: list[Row], *, same_machine: bool) -> list[Row]:
    """The rows with their verdicts, changed rows first; the p-values are adjusted for their number."""
    testable = [row for row in rows if row["chance"] is not None]
    for row, adjusted_chance in zip(testable, adjusted([row["chance"] for row in testable]), strict=True):
        row["chance"] = adjusted_chance
    for row in rows:
        if row["reason"]:
            row["verdict"] = CANNOT_TELL
        elif row["chance"] <= LEVEL and is_large(row["ratio"]):
            row["verdict"] = _VERDICTS[row["ratio"] > 1, same_machine]
        else:
            row["verdict"] = ALIKE
    return sorted(rows, key=lambda row: _SHOWN.index(row["verdict"]))


def _digests(old: Results, new: Results) -> dict[str, Any]:
    """Whether each output has the same digests in both reports, on whichever sides."""
    old_outputs, new_outputs = _outputs(old), _outputs(new)
    rows: list[Row] = [
        {"date": key[0], "step": key[1], "old": old_outputs.get(key, {}), "new": new_outputs.get(key, {})}
        for key in {**old_outputs, **new_outputs}
    ]
    differing = [row for row in rows if set(row["old"].values()) != set(row["new"].values())]
    return {"equal": not differing, "compared": len(rows), "differing": differing}


def _outputs(results: Results) -> dict[Key, dict[str, str]]:
    digests_by_output = {
        (row["date"], row["step"]): {side: digest for side, digest in row["digests"].items() if digest}
        for row in results["outputs"]
    }
    return {key: digests for key, digests in digests_by_output.items() if digests}


def _changes(old: Results, new: Results) -> list[Row]:
    old_conditions, new_conditions = _conditions(old), _conditions(new)
    conditions = [
        (condition, old_conditions.get(condition), new_conditions.get(condition))
        for condition in {**old_conditions, **new_conditions}
    ]
    return [
        {"what": condition, "old": old_value, "new": new_value}
        for condition, old_value, new_value in conditions
        if old_value != new_value
    ]


def _conditions(results: Results) -> dict[str, str]:
    """The conditions of a report by their names."""
    machine, sides = results["machine"], results["orchestrators"]
    packages = results.get("packages", {})
    return {
        "Counterpoint": results["counterpoint"],
        "Python": machine["python"],
        "machine": f"{machine_of(results)} ({machine['system']})",
        **{side["name"]: f"{side['version'] or 'unknown version'}, {side['status']}" for side in sides},
        **{
            f"package {name} of {side}": version
            for side, versions in packages.items()
            for name, version in versions.items()
        },
        "settings": ", ".join(_settings(sides[0]["command"])) or "none",
        **{f"workload {name}": description for name, description in workloads_of(results).items()},
        "rounds": str(results["rounds"]),
        **{f"code of {part}": f"{size['lines']:,} lines" for part, size in results["code"].items()},
    }


def _settings(command: str) -> list[str]:
    return [option.removeprefix("set ").strip("'") for option in command.split(" --") if option.startswith("set ")]


def _busy(old: Results, new: Results) -> Iterator[Row]:
    for name, results in (("old", old), ("new", new)):
        benchmarks = results["bouts"]
        counted_sides = [benchmark["orchestrator"] for benchmark in counted(benchmarks)]
        all_sides = [benchmark["orchestrator"] for benchmark in benchmarks]
        for side in dict.fromkeys(all_sides):
            if left_out := all_sides.count(side) - counted_sides.count(side):
                what = f"{left_out} of {all_sides.count(side)} benchmark runs of {side} in the {name} report"
                yield {"what": what, "reason": "the machine had other load when they started"}


def _other_workloads(old: Results, new: Results) -> dict[str, Row]:
    old_workloads, new_workloads = workloads_of(old), workloads_of(new)
    return {
        name: {
            "what": f"workload {name}",
            "reason": f"{old_workloads[name]} in the old report, {new_workloads[name]} in the new one",
        }
        for name in old_workloads
        if name in new_workloads and old_workloads[name] != new_workloads[name]
    }


def _in_one_report(
    old_measures: Measures, new_measures: Measures, changed_workloads: Mapping[str, Row]
) -> Iterator[Row]:
    """What is in one report only: a whole side, a whole workload or kind of figure, or one figure of a side."""
    subjects = set()
    for name, own, other in (("old", old_measures, new_measures), ("new", new_measures, old_measures)):
        sides, kinds = {side for _, side in other}, {figure.split(".")[0] for figure, _ in other}
        for figure, side in own:
            kind = figure.split(".")[0]
            if (figure, side) in other or kind in changed_workloads:
                continue
            subject = side if side not in sides else kind if kind not in kinds else f"{figure} of {side}"
            if subject not in subjects:
                subjects.add(subject)
                yield {"what": subject, "reason": f"only in the {name} report"}

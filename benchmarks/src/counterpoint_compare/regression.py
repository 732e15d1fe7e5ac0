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

# alike: nothing that is both beyond noise and large enough
CANNOT_TELL, ALIKE = "cannot tell", "alike"
# by whether a figure grew, and whether it is of one machine: a ratio between sides that grew may be either's doing
_VERDICTS = {(True, True): "worse", (False, True): "better", (True, False): "higher", (False, False): "lower"}
_SHOWN = (*_VERDICTS.values(), CANNOT_TELL, ALIKE)


def against(old: Results, new: Results) -> dict[str, Any]:
    """The document that `compare --against` answers: digests, what the reports were made of, and every figure.

    On one machine a figure is compared with itself; between two, its ratio to the first side that has it.

    Raises:
        UsageError: the reports are of different pipelines, partitions or sources.
    """
    refuse_other({"old": old, "new": new})
    same = machine_of(old) == machine_of(new)
    before, after = measures_of(old), measures_of(new)
    others = _other_workloads(old, new)
    both = [key for key in before if key in after and key[0].split(".")[0] not in others]
    pairs = [(key, None) for key in both] if same else list(_beside_first(both))
    rows = _judged([_row(before, after, key, to) for key, to in pairs], same=same)
    return {
        "pipeline": new["pipeline"],
        "date": new["date"],
        "old": _about(old),
        "new": _about(new),
        "same_machine": same,
        "digests": _digests(old, new),
        "changes": _changes(old, new),
        "rule": {"level": LEVEL, "least_change": EFFECT, "least_rounds": ROUNDS},
        "figures": rows,
        "left_out": [*_busy(old, new), *others.values(), *_alone(before, after, others)],
        "worse": sum(row["verdict"] == "worse" for row in rows),
        "better": sum(row["verdict"] == "better" for row in rows),
    }


def differs(found: Mapping[str, Any]) -> bool:
    """Whether data differ, or a figure is significantly worse."""
    return not found["digests"]["equal"] or found["worse"] > 0


def write_against(found: Mapping[str, Any], out: Path) -> Path:
    """Writes against.html and against.md into a folder; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("against.html", "against.md"):
        put(out / name, templates().get_template(f"{name}.j2").render(a=found))
    return out / "against.html"


def _about(results: Results) -> dict[str, Any]:
    return {"made": results["made"], "machine": machine_of(results)}


def _beside_first(keys: Sequence[Key]) -> Iterator[tuple[Key, Key]]:
    firsts: dict[str, Key] = {}
    for key in keys:
        first = firsts.setdefault(key[0], key)
        if first != key:
            yield key, first


def _row(before: Measures, after: Measures, key: Key, to: Key | None) -> Row:
    """One figure in both reports, with the chance that noise alone made what changed; none where nothing is known."""
    (name, side), unit = key, after[key].unit
    old, new = (_shown(taken, key, to) for taken in (before, after))
    doubts = [(which, taken[k].doubt) for which, taken in (("old", before), ("new", after)) for k in (key, to) if k]
    reason = next((f"{which}: {doubt}" for which, doubt in doubts if doubt), None)
    terms: list[Term] = [(1, after[key].values), (-1, before[key].values)]
    if to:
        terms += [(-1, after[to].values), (1, before[to].values)]
    return {
        "name": name,
        "title": after[key].title,
        "unit": "" if to else unit,
        "side": side,
        "to": to[1] if to else None,
        "old": old,
        "new": new,
        "ratio": new["median"] / old["median"] if to else _over(new, old, unit, "median", "median"),
        "chance": None if reason else chance(terms, unit),
        "reason": reason,
    }


def _shown(taken: Measures, key: Key, to: Key | None) -> Row:
    one, unit = taken[key], taken[key].unit
    found = {"rounds": len(one.values), **{name: one.summary[name] for name in ("median", "low", "high")}}
    if to:
        bounds = (("median", "median"), ("low", "high"), ("high", "low"))
        found |= {above: _over(one.summary, taken[to].summary, unit, above, below) for above, below in bounds}
    return found


def _over(one: Mapping[str, Any], other: Mapping[str, Any], unit: str, above: str, below: str) -> float:
    return at_least(one[above], unit) / at_least(other[below], unit)


def _judged(rows: list[Row], *, same: bool) -> list[Row]:
    """The rows with their verdicts, what changed first; chances are adjusted for the number of rows that have one."""
    known = [row for row in rows if row["chance"] is not None]
    for row, found in zip(known, adjusted([row["chance"] for row in known]), strict=True):
        row["chance"] = found
    for row in rows:
        if row["reason"]:
            row["verdict"] = CANNOT_TELL
        elif row["chance"] <= LEVEL and is_large(row["ratio"]):
            row["verdict"] = _VERDICTS[row["ratio"] > 1, same]
        else:
            row["verdict"] = ALIKE
    return sorted(rows, key=lambda row: _SHOWN.index(row["verdict"]))


def _digests(old: Results, new: Results) -> dict[str, Any]:
    """Whether each output has the same digests in both reports, whichever the sides: they do not decide content."""
    before, after = _outputs(old), _outputs(new)
    rows: list[Row] = [
        {"date": key[0], "step": key[1], "old": before.get(key, {}), "new": after.get(key, {})}
        for key in {**before, **after}
    ]
    differing = [row for row in rows if set(row["old"].values()) != set(row["new"].values())]
    return {"equal": not differing, "compared": len(rows), "differing": differing}


def _outputs(results: Results) -> dict[Key, dict[str, str]]:
    made = {(r["date"], r["step"]): {s: d for s, d in r["digests"].items() if d} for r in results["outputs"]}
    return {key: digests for key, digests in made.items() if digests}


def _changes(old: Results, new: Results) -> list[Row]:
    before, after = _described(old), _described(new)
    told = [(what, before.get(what), after.get(what)) for what in {**before, **after}]
    return [{"what": what, "old": one, "new": other} for what, one, other in told if one != other]


def _described(results: Results) -> dict[str, str]:
    """What a report was made of, by what people call it."""
    machine, sides = results["machine"], results["orchestrators"]
    packages = results.get("packages", {})
    return {
        "Counterpoint": results["counterpoint"],
        "Python": machine["python"],
        "machine": f"{machine_of(results)} ({machine['system']})",
        **{side["name"]: f"{side['version'] or 'unknown version'}, {side['status']}" for side in sides},
        **{f"package {name} of {side}": version for side, has in packages.items() for name, version in has.items()},
        "settings": ", ".join(_settings(sides[0]["command"])) or "none",
        **{f"workload {name}": words for name, words in workloads_of(results).items()},
        "rounds": str(results["rounds"]),
        **{f"code of {part}": f"{size['lines']:,} lines" for part, size in results["code"].items()},
    }


def _settings(command: str) -> list[str]:
    return [words.removeprefix("set ").strip("'") for words in command.split(" --") if words.startswith("set ")]


def _busy(old: Results, new: Results) -> Iterator[Row]:
    for name, results in (("old", old), ("new", new)):
        bouts = results["bouts"]
        kept = [bout["orchestrator"] for bout in counted(bouts)]
        every = [bout["orchestrator"] for bout in bouts]
        for side in dict.fromkeys(every):
            if gone := every.count(side) - kept.count(side):
                what = f"{gone} of {every.count(side)} benchmark runs of {side} in the {name} report"
                yield {"what": what, "reason": "the machine had other load when they started"}


def _other_workloads(old: Results, new: Results) -> dict[str, Row]:
    before, after = workloads_of(old), workloads_of(new)
    return {
        name: {"what": f"workload {name}", "reason": f"{before[name]} in the old report, {after[name]} in the new one"}
        for name in before
        if name in after and before[name] != after[name]
    }


def _alone(before: Measures, after: Measures, others: Mapping[str, Row]) -> Iterator[Row]:
    """What only one report has: a whole side, a whole workload or kind of figure, or one figure of a side."""
    told = set()
    for name, here, there in (("old", before, after), ("new", after, before)):
        sides, kinds = {side for _, side in there}, {figure.split(".")[0] for figure, _ in there}
        for figure, side in here:
            kind = figure.split(".")[0]
            if (figure, side) in there or kind in others:
                continue
            what = side if side not in sides else kind if kind not in kinds else f"{figure} of {side}"
            if what not in told:
                told.add(what)
                yield {"what": what, "reason": f"only in the {name} report"}

"""Reports of several machines as one: seconds and bytes stay with their machine, ratios between sides go across."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.files import put
from counterpoint_compare.figures import figures_of, is_busy
from counterpoint_compare.report import templates
from counterpoint_compare.reports import counted, machine_of, refuse_other, workloads_of
from counterpoint_compare.significance import at_least

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint_compare.reports import Results

    Bout = dict[str, Any]

# stands for the digest of an output that was not made
_NONE = "none"


def merge(reports: Mapping[str, Results]) -> dict[str, Any]:
    """The document of several reports, whose keys are what they are called; their order does not matter.

    A bout that stands in two reports is taken once. A side is an orchestrator in one version.

    Raises:
        UsageError: they are of different pipelines, partitions, sources or workloads.
    """
    refuse_other(reports)
    _refuse_other_workloads(reports)
    found = list(reports.values())
    machines = [_machine(name, found) for name in sorted({_name(results) for results in found})]
    outputs = _outputs(found)
    return {
        **{key: found[0][key] for key in ("pipeline", "date", "source")},
        "made": max(results["made"] for results in found),
        "counterpoint": sorted({results["counterpoint"] for results in found}),
        "equal": bool(outputs) and all(row["equal"] for row in outputs) and all(results["equal"] for results in found),
        "outputs": outputs,
        "machines": machines,
        "duplicates": sum(len(results["bouts"]) for results in found) - sum(len(one["bouts"]) for one in machines),
        "ratios": _ratios(machines),
    }


def write_merged(found: Mapping[str, Any], out: Path) -> Path:
    """Writes index.html, report.md and results.json of several machines into a folder; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    for name, template in (("index.html", "merged.html.j2"), ("report.md", "merged.md.j2")):
        put(out / name, templates().get_template(template).render(m=found))
    put(out / "results.json", json.dumps(found, indent=2) + "\n")
    return out / "index.html"


def _name(results: Results) -> str:
    python = ".".join(results["machine"]["python"].split(".")[:2])
    return f"{machine_of(results)}, Python {python}"


def _refuse_other_workloads(reports: Mapping[str, Results]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for name, results in reports.items():
        for workload, words in workloads_of(results).items():
            first, other = seen.setdefault(workload, (name, words))
            if words != other:
                raise UsageError(
                    f"workload {workload} is {other} in {first}, {words} in {name}:"
                    " merge reports of one release of Counterpoint"
                )


def _machine(name: str, reports: Sequence[Results]) -> dict[str, Any]:
    here = [results for results in reports if _name(results) == name]
    bouts = _bouts(here, apart=len({results["counterpoint"] for results in reports}) > 1)
    sides = [bout["orchestrator"] for bout in bouts]
    return {
        "name": name,
        "systems": sorted({results["machine"]["system"] for results in here}),
        "rounds": {side: sides.count(side) for side in sorted(set(sides))},
        "busy": sorted({bout["orchestrator"] for bout in bouts if is_busy(bout)}),
        "figures": figures_of(counted(bouts)),
        "bouts": bouts,
    }


def _bouts(reports: Sequence[Results], *, apart: bool) -> list[Bout]:
    """Every bout once, in the order of time, its side named with its version, and Counterpoint's if there are more."""
    found: dict[str, Bout] = {}
    for results in sorted(reports, key=lambda results: (results["made"], results["counterpoint"])):
        ours = f" (Counterpoint {results['counterpoint']})" if apart else ""
        for bout in results["bouts"]:
            side = f"{bout['orchestrator']} {bout['version']}{ours}"
            found.setdefault(json.dumps(bout, sort_keys=True), {**bout, "orchestrator": side})
    return [found[key] for key in sorted(found, key=lambda key: (found[key]["begun"], key))]


def _outputs(reports: Sequence[Results]) -> list[dict[str, Any]]:
    """One row per step and partition: every digest that was made of it, and where."""
    made: dict[tuple[str, str], dict[str, set[str]]] = {
        (row["date"], row["step"]): {} for results in reports for row in results["outputs"]
    }
    for results in reports:
        digests = {(row["date"], row["step"]): row["digests"].values() for row in results["outputs"]}
        for key, found in made.items():
            for digest in digests.get(key, [None]):
                found.setdefault(digest or _NONE, set()).add(_name(results))
    return [
        {"date": date, "step": step, "equal": len(found) == 1 and _NONE not in found, "digests": _sorted(found)}
        for (date, step), found in sorted(made.items())
    ]


def _sorted(found: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {digest: sorted(found[digest]) for digest in sorted(found)}


def _ratios(machines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per figure the ratio of each side to one that most machines have, on each of them; with the spread."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for machine in machines:
        for figure in machine["figures"]:
            found.setdefault(figure["name"], {})[machine["name"]] = figure
    return [row for figures in found.values() for row in _ratios_of(figures)]


def _ratios_of(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of one figure, which is given by machine."""
    every = [side for one in figures.values() for side in one["on"]]
    to = max(sorted(set(every)), key=every.count)
    head = next(iter(figures.values()))
    for side in sorted(set(every) - {to}):
        on = {name: _ratio(one, side, to) for name, one in figures.items() if one["on"].keys() >= {side, to}}
        if on:
            yield {"name": head["name"], "title": head["title"], "side": side, "to": to, "on": on, **_spread(on)}


def _ratio(figure: Mapping[str, Any], side: str, to: str) -> float:
    one, other = (at_least(figure["on"][name]["median"], figure["unit"]) for name in (side, to))
    return one / other


def _spread(on: Mapping[str, float]) -> dict[str, float]:
    return {"median": median(on.values()), "low": min(on.values()), "high": max(on.values())}

"""Merges reports of several machines: seconds and bytes are shown per machine, ratios between sides across machines."""

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

    Benchmark = dict[str, Any]

# the digest of an output that is missing
_NONE = "none"


def merge(reports: Mapping[str, Results]) -> dict[str, Any]:
    """Merges several reports into one document; their order does not matter.

    A benchmark run that is in two reports counts once. A side is an orchestrator in one version.

    Args:
        reports: the results of each report by its name.

    Raises:
        UsageError: the reports are of different pipelines, partitions, sources or workloads.
    """
    refuse_other(reports)
    _refuse_other_workloads(reports)
    documents = list(reports.values())
    machines = [_machine(name, documents) for name in sorted({_name(results) for results in documents})]
    outputs = _outputs(documents)
    return {
        **{key: documents[0][key] for key in ("pipeline", "date", "source")},
        "made": max(results["made"] for results in documents),
        "counterpoint": sorted({results["counterpoint"] for results in documents}),
        "equal": bool(outputs)
        and all(row["equal"] for row in outputs)
        and all(results["equal"] for results in documents),
        "outputs": outputs,
        "machines": machines,
        "duplicates": sum(len(results["bouts"]) for results in documents)
        - sum(len(machine["bouts"]) for machine in machines),
        "ratios": _ratios(machines),
    }


def write_merged(merged: Mapping[str, Any], out: Path) -> Path:
    """Writes index.html, report.md and results.json of several machines into a folder; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    for name, template in (("index.html", "merged.html.j2"), ("report.md", "merged.md.j2")):
        put(out / name, templates().get_template(template).render(m=merged))
    put(out / "results.json", json.dumps(merged, indent=2) + "\n")
    return out / "index.html"


def _name(results: Results) -> str:
    python = ".".join(results["machine"]["python"].split(".")[:2])
    return f"{machine_of(results)}, Python {python}"


def _refuse_other_workloads(reports: Mapping[str, Results]) -> None:
    first_seen: dict[str, tuple[str, str]] = {}
    for name, results in reports.items():
        for workload, description in workloads_of(results).items():
            first_name, first_description = first_seen.setdefault(workload, (name, description))
            if description != first_description:
                raise UsageError(
                    f"workload {workload} is {first_description} in {first_name}, {description} in {name}:"
                    " merge reports of one release of Counterpoint"
                )


def _machine(name: str, reports: Sequence[Results]) -> dict[str, Any]:
    own_reports = [results for results in reports if _name(results) == name]
    benchmarks = _distinct_benchmarks(
        own_reports, with_release=len({results["counterpoint"] for results in reports}) > 1
    )
    sides = [benchmark["orchestrator"] for benchmark in benchmarks]
    return {
        "name": name,
        "systems": sorted({results["machine"]["system"] for results in own_reports}),
        "rounds": {side: sides.count(side) for side in sorted(set(sides))},
        "busy": sorted({benchmark["orchestrator"] for benchmark in benchmarks if is_busy(benchmark)}),
        "figures": figures_of(counted(benchmarks)),
        "bouts": benchmarks,
    }


def _distinct_benchmarks(reports: Sequence[Results], *, with_release: bool) -> list[Benchmark]:
    """Every benchmark run once, in order of time; the name of its side has its version.

    With `with_release`, the name also has the release of Counterpoint.
    """
    distinct: dict[str, Benchmark] = {}
    for results in sorted(reports, key=lambda results: (results["made"], results["counterpoint"])):
        release = f" (Counterpoint {results['counterpoint']})" if with_release else ""
        for benchmark in results["bouts"]:
            side = f"{benchmark['orchestrator']} {benchmark['version']}{release}"
            distinct.setdefault(json.dumps(benchmark, sort_keys=True), {**benchmark, "orchestrator": side})
    return [distinct[key] for key in sorted(distinct, key=lambda key: (distinct[key]["begun"], key))]


def _outputs(reports: Sequence[Results]) -> list[dict[str, Any]]:
    """One row per step and partition: every digest of its output, and the machines that computed it."""
    digests_by_output: dict[tuple[str, str], dict[str, set[str]]] = {
        (row["date"], row["step"]): {} for results in reports for row in results["outputs"]
    }
    for results in reports:
        digests = {(row["date"], row["step"]): row["digests"].values() for row in results["outputs"]}
        for key, machines_by_digest in digests_by_output.items():
            for digest in digests.get(key, [None]):
                machines_by_digest.setdefault(digest or _NONE, set()).add(_name(results))
    return [
        {
            "date": date,
            "step": step,
            "equal": len(machines_by_digest) == 1 and _NONE not in machines_by_digest,
            "digests": _sorted(machines_by_digest),
        }
        for (date, step), machines_by_digest in sorted(digests_by_output.items())
    ]


def _sorted(machines_by_digest: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {digest: sorted(machines_by_digest[digest]) for digest in sorted(machines_by_digest)}


def _ratios(machines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ratios of each figure: each side to the side that most machines have, per machine, with the spread."""
    figures_by_name: dict[str, dict[str, Mapping[str, Any]]] = {}
    for machine in machines:
        for figure in machine["figures"]:
            figures_by_name.setdefault(figure["name"], {})[machine["name"]] = figure
    return [row for figures in figures_by_name.values() for row in _ratios_of(figures)]


def _ratios_of(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of one figure, whose values are given by machine."""
    sides = [side for figure in figures.values() for side in figure["on"]]
    reference = max(sorted(set(sides)), key=sides.count)
    first_figure = next(iter(figures.values()))
    for side in sorted(set(sides) - {reference}):
        on = {
            name: _ratio(figure, side, reference)
            for name, figure in figures.items()
            if figure["on"].keys() >= {side, reference}
        }
        if on:
            yield {
                "name": first_figure["name"],
                "title": first_figure["title"],
                "side": side,
                "to": reference,
                "on": on,
                **_spread(on),
            }


def _ratio(figure: Mapping[str, Any], side: str, reference: str) -> float:
    value, reference_value = (at_least(figure["on"][name]["median"], figure["unit"]) for name in (side, reference))
    return value / reference_value


def _spread(on: Mapping[str, float]) -> dict[str, float]:
    return {"median": median(on.values()), "low": min(on.values()), "high": max(on.values())}

"""Reads existing reports, and reduces them to one value per figure and benchmark run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.files import read_document
from counterpoint.storage.shapes import fits
from counterpoint_compare.documented import RESULTS
from counterpoint_compare.figures import figures_of, is_busy, summary
from counterpoint_compare.significance import ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Results = Mapping[str, Any]

_ONCE = (
    ("wall_seconds", "wall clock", "s"),
    ("cpu_seconds", "CPU", "CPU s"),
    ("step_cpu_seconds", "CPU in steps", "CPU s"),
    ("peak_memory", "highest memory", "bytes"),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of one side: its summary in the report, one value per benchmark run, and a `doubt` if unusable.

    Runs on the same services are not independent, so only their benchmark run counts as a repetition.
    """

    title: str
    unit: str
    summary: Mapping[str, Any]
    values: tuple[float, ...]
    doubt: str | None


def read_results(path: Path) -> dict[str, Any]:
    """The results of a report, by its results.json or its folder.

    Raises:
        UsageError: there is no report, or it cannot be compared.
    """
    file, document = read_document(path, "results.json", "counterpoint compare PIPELINE --out DIR")
    if isinstance(document, dict) and "machines" in document:
        raise UsageError(f"{file} is of several machines: name the reports that it was merged from")
    if not fits(document, RESULTS):
        raise UsageError(f"{file} is not a results.json of this release of Counterpoint: create the report again")
    return dict(document)


def refuse_other(reports: Mapping[str, Results]) -> None:
    """Refuses reports that do not compare the same thing.

    Args:
        reports: the results of each report by its name.

    Raises:
        UsageError: the reports are of different pipelines, partitions or sources.
    """
    (first_name, reference), *others = reports.items()
    for name, other in others:
        for field in ("pipeline", "date", "source"):
            if reference[field] != other[field]:
                raise UsageError(
                    f"{first_name} is of {field} {reference[field]}, {name} of {other[field]}:"
                    f" choose reports of the same {field}"
                )


def machine_of(results: Results) -> str:
    """The kind of machine that a report was made on; two machines of the same kind are not distinguished."""
    machine = results["machine"]
    system, memory = machine["system"].split()[0], machine["memory"] / 2**30
    return f"{system} {machine['processor']}, {machine['cores']} cores, {memory:.0f} GB"


def workloads_of(results: Results) -> dict[str, str]:
    """The description of each workload: how often a benchmark run executed it, and its number of steps."""
    runs = [run for benchmark in results["bouts"] for run in benchmark["runs"]]
    times = {name: max(r["number"] for r in runs if r["workload"] == name) for name in {r["workload"] for r in runs}}
    return {run["workload"]: f"{times[run['workload']]} x {len(run['steps'])} steps" for run in runs}


def counted(benchmarks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The benchmark runs that count: those started on a busy machine are left out if their side has enough others."""
    quiet = [benchmark for benchmark in benchmarks if not is_busy(benchmark)]
    sides = [benchmark["orchestrator"] for benchmark in quiet]
    return [
        benchmark
        for benchmark in benchmarks
        if not is_busy(benchmark) or sides.count(benchmark["orchestrator"]) < ROUNDS
    ]


def measures_of(results: Results) -> dict[tuple[str, str], Measure]:
    """Every figure of every side, by figure name and side."""
    benchmarks = counted(results["bouts"])
    values: dict[tuple[str, str], list[float]] = {}
    for benchmark in benchmarks:
        for benchmark_figure in figures_of([benchmark]):
            for side, on in benchmark_figure["on"].items():
                values.setdefault((benchmark_figure["name"], side), []).append(on["median"])
    busy = {benchmark["orchestrator"] for benchmark in benchmarks if is_busy(benchmark)}
    measures: dict[tuple[str, str], Measure] = {}
    for figure in _figures(results, benchmarks):
        for side, on in figure["on"].items():
            repetitions = tuple(values.get((figure["name"], side), on["values"]))
            doubt = "the machine was busy" if side in busy else _too_few(len(repetitions))
            measures[figure["name"], side] = Measure(figure["title"], figure["unit"], on, repetitions, doubt)
    return measures


def _too_few(rounds: int) -> str | None:
    return f"measured {rounds} time{'s' if rounds > 1 else ''}, {ROUNDS} are needed" if rounds < ROUNDS else None


def _figures(results: Results, benchmarks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The figures of the benchmark runs that count, external figures, and those of the pipeline's single run."""
    benchmark_names = {figure["name"] for figure in figures_of(results["bouts"])}
    external = [figure for figure in results["figures"] if figure["name"] not in benchmark_names]
    return [*figures_of(benchmarks), *external, *_of_single_run(results)]


def _of_single_run(results: Results) -> Iterator[Mapping[str, Any]]:
    succeeded = [side for side in results["orchestrators"] if side["status"] == "success"]
    for key, label, unit in _ONCE:
        on = {side["name"]: summary([side[key]]) for side in succeeded if side[key] is not None}
        yield {"name": f"pipeline.{key}", "title": f"{results['pipeline']}: {label}", "unit": unit, "on": on}

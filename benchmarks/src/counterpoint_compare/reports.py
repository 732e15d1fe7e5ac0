"""Reports that are there: read, and brought to one value a bout."""

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
    """One figure of one side: its summary as a report shows it, one value a bout, and why these say nothing if so.

    Runs on the same services are alike, so that only their bout counts as a repetition.
    """

    title: str
    unit: str
    summary: Mapping[str, Any]
    values: tuple[float, ...]
    doubt: str | None


def read_results(path: Path) -> dict[str, Any]:
    """The results of a report, by its results.json or its folder.

    Raises:
        UsageError: there is none, or it holds nothing that can be compared.
    """
    file, found = read_document(path, "results.json", "counterpoint compare PIPELINE --out DIR")
    if isinstance(found, dict) and "machines" in found:
        raise UsageError(f"{file} is of several machines: name the reports that it was merged from")
    if not fits(found, RESULTS):
        raise UsageError(f"{file} is no results.json of this release of Counterpoint: make that report again")
    return dict(found)


def refuse_other(reports: Mapping[str, Results]) -> None:
    """Lets reports pass that are of the same thing; the keys are what they are called.

    Raises:
        UsageError: they are of different pipelines, partitions or sources.
    """
    (first, one), *others = reports.items()
    for name, other in others:
        for what in ("pipeline", "date", "source"):
            if one[what] != other[what]:
                raise UsageError(
                    f"{first} is of {what} {one[what]}, {name} of {other[what]}: choose reports of the same {what}"
                )


def machine_of(results: Results) -> str:
    """What kind of machine a report was made on; two of one kind cannot be told apart."""
    machine = results["machine"]
    system, memory = machine["system"].split()[0], machine["memory"] / 2**30
    return f"{system} {machine['processor']}, {machine['cores']} cores, {memory:.0f} GB"


def workloads_of(results: Results) -> dict[str, str]:
    """What each workload was: how often it ran in a bout, and of how many steps."""
    runs = [run for bout in results["bouts"] for run in bout["runs"]]
    times = {name: max(r["number"] for r in runs if r["workload"] == name) for name in {r["workload"] for r in runs}}
    return {run["workload"]: f"{times[run['workload']]} x {len(run['steps'])} steps" for run in runs}


def counted(bouts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The bouts that count: without those that began on a busy machine, if enough others of their side are there."""
    quiet = [bout for bout in bouts if not is_busy(bout)]
    sides = [bout["orchestrator"] for bout in quiet]
    return [bout for bout in bouts if not is_busy(bout) or sides.count(bout["orchestrator"]) < ROUNDS]


def measures_of(results: Results) -> dict[tuple[str, str], Measure]:
    """Every figure of every side, by the names of both."""
    bouts = counted(results["bouts"])
    values: dict[tuple[str, str], list[float]] = {}
    for bout in bouts:
        for one in figures_of([bout]):
            for side, on in one["on"].items():
                values.setdefault((one["name"], side), []).append(on["median"])
    busy = {bout["orchestrator"] for bout in bouts if is_busy(bout)}
    found: dict[tuple[str, str], Measure] = {}
    for figure in _figures(results, bouts):
        for side, on in figure["on"].items():
            taken = tuple(values.get((figure["name"], side), on["values"]))
            doubt = "the machine was busy" if side in busy else _few(len(taken))
            found[figure["name"], side] = Measure(figure["title"], figure["unit"], on, taken, doubt)
    return found


def _few(rounds: int) -> str | None:
    return f"measured {rounds} time{'s' if rounds > 1 else ''}, {ROUNDS} are needed" if rounds < ROUNDS else None


def _figures(results: Results, bouts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the bouts that count, those that come from elsewhere, and those of the pipeline's one run."""
    of_bouts = {figure["name"] for figure in figures_of(results["bouts"])}
    others = [figure for figure in results["figures"] if figure["name"] not in of_bouts]
    return [*figures_of(bouts), *others, *_once(results)]


def _once(results: Results) -> Iterator[Mapping[str, Any]]:
    ran = [side for side in results["orchestrators"] if side["status"] == "success"]
    for key, words, unit in _ONCE:
        on = {side["name"]: summary([side[key]]) for side in ran if side[key] is not None}
        yield {"name": f"pipeline.{key}", "title": f"{results['pipeline']}: {words}", "unit": unit, "on": on}

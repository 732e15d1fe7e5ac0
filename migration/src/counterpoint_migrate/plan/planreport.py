"""The plan as a web page, and the text that it shares with the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.report import write_template
from counterpoint_migrate.plan.dagster_equivalents import of_plugins
from counterpoint_migrate.plan.plans import TO_DAGSTER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from counterpoint_migrate.plan.plans import Bridge, Cycle, Move, Place, Plan

_MOST_PLACES = 3


def write_plan_page(found: Plan, path: Path) -> None:
    """Writes the plan as one HTML page without anything beside it.

    Raises:
        UsageError: the file cannot be written.
    """
    words = {word.__name__: word for word in (direction_of, until, numbers, kind_of, brief, run_row)}
    write_template(path, "plan.html.j2", r=found, summary=summary_of_plan(found), of_plugins=of_plugins(), **words)


def summary_of_plan(found: Plan) -> str:
    """The plan on one line."""
    lasting = sum(bridge.ends is None and bridge.dependency.outside for bridge in found.bridges)
    tasks = sum(move.tasks for move in found.dags)
    retired = sum(move.retire is not None for move in found.dags)
    to_retire = f", {retired} of them to retire," if retired else ""
    return (
        f"{len(found.dags)} DAGs{to_retire} with {tasks} tasks in {len(found.waves)} waves;"
        f" cycles: {len(found.cycles)};"
        f" bridges: {len(found.bridges)}, {lasting} of them to DAGs outside the folder;"
        f" dependencies to confirm: {len(found.to_confirm)}; unresolved: {len(found.unresolved)}"
    )


def wave_lines(found: Plan) -> Iterator[str]:
    """The waves with their DAGs, the bridges to build and remove, and notes."""
    for wave in found.waves:
        dags = "1 DAG" if len(wave.dags) == 1 else f"{len(wave.dags)} DAGs"
        yield f"Wave {wave.number}: {dags}, {wave.tasks} tasks; owners: {', '.join(wave.owners) or '-'}"
        yield f"  move     {', '.join(wave.dags)}"
        for word, of in (("build", wave.builds), ("remove", wave.removes)):
            if of:
                yield f"  {word:<8} bridge {numbers(of)}"
        yield from (f"  note     {note}" for note in wave.notes)


def bridge_lines(found: Plan) -> Iterator[str]:
    """The bridges, each with how it is made."""
    for bridge in found.bridges:
        one = bridge.dependency
        yield f"Bridge {bridge.number}: {one.upstream} -> {one.downstream} ({one.kind}, {one.confidence}; {one.place})"
        yield f"  {direction_of(bridge)}, after wave {bridge.begins} until {until(bridge)}"
        yield f"  {bridge.means}"


def move_row(move: Move) -> tuple[str, ...]:
    """A DAG as a row of the terminal's table."""
    parts = (move.score.value, move.score.complexity, move.score.risk, move.score.coupling)
    figures = (f"{number:.2f}" for number in (move.score.score, *(part.value for part in parts)))
    return move.id, str(move.wave) if move.wave else "-", *figures


def run_row(move: Move) -> tuple[str, str]:
    """When a DAG ran last, and how long a run takes."""
    if move.runs is None:
        return "", ""
    seconds = move.runs.median_seconds
    return move.runs.last or "never", "" if seconds is None else f"{seconds:g} s"


def need_rows(found: Plan) -> list[tuple[str, ...]]:
    """Each thing that Dagster does otherwise, with how many DAGs need it and what stands in."""
    every = [need for move in found.dags for need in move.needs]
    dags = Counter(need.name for need in every)
    known = {need.name: need for need in every}
    return [(known[name].title, str(count), known[name].in_dagster) for name, count in dags.most_common()]


def direction_of(bridge: Bridge) -> str:
    """From where to where."""
    return "Airflow -> Dagster" if bridge.direction == TO_DAGSTER else "Dagster -> Airflow"


def until(bridge: Bridge) -> str:
    """Which wave makes a bridge needless."""
    if bridge.ends is not None:
        return f"wave {bridge.ends}"
    outside = bridge.dependency.outside
    return "the other DAG, outside the folder, moves" if outside else "the other DAG, which does not move, is retired"


def kind_of(cycle: Cycle) -> str:
    """How sure a cycle is, and what follows."""
    if cycle.certain:
        return "declared; moves in one wave"
    return "partly inferred; moves in one wave" if cycle.binding else "only if a low-confidence dependency is real"


def numbers(of: Sequence[int]) -> str:
    """Numbers of bridges."""
    return ", ".join(map(str, of))


def brief(places: Sequence[Place]) -> str:
    """The first few places, and how many more there are."""
    first = ", ".join(f"{one.place} {one.detail}" for one in places[:_MOST_PLACES])
    more = len(places) - _MOST_PLACES
    return f"{first} and {more} more" if more > 0 else first

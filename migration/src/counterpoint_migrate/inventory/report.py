"""The inventory as a web page, and the text that it shares with the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.files import put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Dag, Inventory


def write_page(found: Inventory, path: Path) -> None:
    """Writes the inventory as one HTML page without anything beside it.

    Raises:
        UsageError: the file cannot be written.
    """
    write_template(
        path,
        "inventory.html.j2",
        r=found,
        schedule=schedule_of,
        operators=operators_of,
        summary=summary_of(found),
        needs=needs_of,
    )


def write_template(path: Path, template: str, **values: Any) -> None:
    """Writes a page from one of the templates of this package, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("counterpoint_migrate")
    page = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(template)
    text = page.render(**values)
    try:
        put(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}; name a file in a folder that exists") from error


def schedule_of(schedule: Mapping[str, Any], zone: str | None = None) -> str:
    """A schedule in a few words, with its time zone where it has hours."""
    shown = _schedule(schedule)
    timed = schedule["kind"] in {"cron", "preset"} or (schedule["kind"] == "timetable" and schedule["value"])
    return f"{shown} {zone}" if zone is not None and timed and zone not in shown else shown


def _schedule(schedule: Mapping[str, Any]) -> str:
    kind, value = schedule["kind"], schedule["value"]
    if kind == "timedelta":
        return f"every {value:g} s"
    if kind == "assets":
        return f"assets {', '.join(schedule['assets'])}"
    if kind in {"none", "default"}:
        return "none" if kind == "none" else "default of its Airflow version"
    return str(schedule["expression"] or value or kind)


def operators_of(dag: Dag) -> dict[str, int]:
    """How many tasks of each operator."""
    return dict(Counter(task.operator for task in dag.tasks).most_common())


def needs_of(dag: Dag) -> str:
    """What else is to be known before it moves, in a few words."""
    tasks = dag.tasks
    counts = {
        "sensors": sum(task.kind == "sensor" for task in tasks),
        "mapped": sum(task.mapped for task in tasks),
        "trigger rules": sum(task.settings.get("trigger_rule", "all_success") != "all_success" for task in tasks),
        "SLAs": sum("sla" in task.settings for task in tasks),
        "callbacks": sum(any(name.startswith("on_") for name in task.settings) for task in tasks),
        "XCom": sum(bool(task.uses.xcom) for task in tasks),
        "templates": sum(bool(task.uses.templates) for task in tasks),
        "pools": len({str(task.settings["pool"]) for task in tasks if "pool" in task.settings}),
        "variables": len(dag.uses.variables.union(*(task.uses.variables for task in tasks))),
        "connections": len(dag.uses.connections.union(*(task.uses.connections for task in tasks))),
    }
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _count(found: Inventory) -> str:
    """How many DAGs, and how many SubDAGs of them."""
    inner = sum(dag.parent is not None for dag in found.dags)
    return f"{len(found.dags) - inner} DAGs" + (f" with {inner} SubDAGs" if inner else "")


def summary_of(found: Inventory) -> str:
    """How much was found, on one line."""
    tasks = sum(len(dag.tasks) for dag in found.dags)
    hidden = sum(one.confidence != "certain" for one in found.dependencies)
    return (
        f"{len(found.files)} files: {_count(found)}, {tasks} tasks, {len(found.dependencies) - hidden} declared"
        f" and {hidden} probable dependencies; unresolved: {len(found.unresolved)}"
    )

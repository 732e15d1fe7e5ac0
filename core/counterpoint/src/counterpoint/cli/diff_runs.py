"""How `counterpoint diff` shows what changed between two runs beside their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import echo, table

if TYPE_CHECKING:
    from counterpoint.diff.changes import RunChanges
    from counterpoint.diff.inputs import InputDiff

_METRICS = 20


def tell_changes(found: RunChanges) -> None:
    """Prints steps, code, configuration, inputs and metrics, as far as they differ."""
    steps = [(name, change) for change, names in found.steps.items() for name in names]
    if steps:
        table("Steps", ("step", "change"), steps)
    _tell_code(found)
    if found.configuration:
        rows = [(each["name"], each["left"], each["right"]) for each in found.configuration]
        table("Configuration", ("setting", "left", "right"), rows)
    for each in found.inputs:
        _tell_input(each)
    if found.metrics:
        shown = found.metrics[:_METRICS]
        more = len(found.metrics) - len(shown)
        title = "Metrics" + (f" ({more} more with --json)" if more else "")
        table(title, ("step", "metric", "left", "right"), [tuple(each.values()) for each in shown])
    for text in found.unknown:
        echo(f"not compared: {text}")


def _tell_code(found: RunChanges) -> None:
    functions = found.code["functions"]
    if functions:
        rows = [(f["module"], f["function"] or "(text only)", f["change"], ", ".join(f["steps"])) for f in functions]
        table("Code", ("module", "function", "change", "steps"), rows)
    for text in (found.code["lines"], found.code["note"]):
        if text:
            echo(text)


def _tell_input(found: InputDiff) -> None:
    parts = ", ".join(f"{len(keys)} {name.replace('_', ' ')}" for name, keys in found.partitions.items() if keys)
    echo(f"\ninput {found.step}: partitions {parts}; rows {found.rows['left']:,} left, {found.rows['right']:,} right")
    schema = [*(f"{name} left only" for name in found.schema["only_left"])]
    schema += [f"{name} right only" for name in found.schema["only_right"]]
    schema += [f"{each['name']} {each['left']} -> {each['right']}" for each in found.schema["types"]]
    if schema:
        echo(f"columns: {'; '.join(schema)}")
    if found.note:
        echo(found.note)
    measured = [column for column in found.columns or () if column.value is not None]
    rows = [(c.column, c.measure, f"{c.value:.3f}", c.limit, "drifted" if c.drifted else "") for c in measured]
    if rows:
        table("Distribution", ("column", "measure", "value", "limit", ""), rows)

"""How `counterpoint diff` shows what changed between two runs beside their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import echo, table

if TYPE_CHECKING:
    from counterpoint.diff.changes import RunChanges
    from counterpoint.diff.inputs import InputDiff

_METRICS = 20


def tell_changes(changes: RunChanges) -> None:
    """Prints steps, code, configuration, inputs and metrics, as far as they differ."""
    steps = [(name, change) for change, names in changes.steps.items() for name in names]
    if steps:
        table("Steps", ("step", "change"), steps)
    _tell_code(changes)
    if changes.configuration:
        rows = [(each["name"], each["left"], each["right"]) for each in changes.configuration]
        table("Configuration", ("setting", "left", "right"), rows)
    for each in changes.inputs:
        _tell_input(each)
    if changes.metrics:
        shown = changes.metrics[:_METRICS]
        more = len(changes.metrics) - len(shown)
        title = "Metrics" + (f" ({more} more with --json)" if more else "")
        table(title, ("step", "metric", "left", "right"), [tuple(each.values()) for each in shown])
    for text in changes.unknown:
        echo(f"not compared: {text}")


def _tell_code(changes: RunChanges) -> None:
    functions = changes.code["functions"]
    if functions:
        rows = [(f["module"], f["function"] or "(text only)", f["change"], ", ".join(f["steps"])) for f in functions]
        table("Code", ("module", "function", "change", "steps"), rows)
    for text in (changes.code["lines"], changes.code["note"]):
        if text:
            echo(text)


def _tell_input(difference: InputDiff) -> None:
    parts = ", ".join(f"{len(keys)} {name.replace('_', ' ')}" for name, keys in difference.partitions.items() if keys)
    rows = f"rows {difference.rows['left']:,} left, {difference.rows['right']:,} right"
    echo(f"\ninput {difference.step}: partitions {parts}; {rows}")
    schema = [*(f"{name} left only" for name in difference.schema["only_left"])]
    schema += [f"{name} right only" for name in difference.schema["only_right"]]
    schema += [f"{each['name']} {each['left']} -> {each['right']}" for each in difference.schema["types"]]
    if schema:
        echo(f"columns: {'; '.join(schema)}")
    if "." in difference.step:  # of another pipeline, where `diff` of its runs tells more
        left, right = (", ".join(difference.runs[side]) or "none" for side in ("left", "right"))
        echo(f"made by {left} left, {right} right")
    if difference.note:
        echo(difference.note)
    measured = [column for column in difference.columns or () if column.value is not None]
    drifts = [(c.column, c.measure, f"{c.value:.3f}", c.limit, "drifted" if c.drifted else "") for c in measured]
    if drifts:
        table("Distribution", ("column", "measure", "value", "limit", ""), drifts)

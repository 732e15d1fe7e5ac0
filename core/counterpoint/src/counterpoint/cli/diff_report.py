"""How two tables differ, for people: lines and tables that a terminal and a page show alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from counterpoint.diff import KeyUse, Sample, TableDiff


@dataclass(frozen=True, slots=True)
class Block:
    """A table of the report; without heads its title is a line of its own."""

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()


def blocks_of(result: TableDiff) -> Iterator[Block]:
    """The parts of a report, in order."""
    counts = result.rows.to_dict().items()
    yield Block("rows: " + ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts))
    yield Block(_how(result.key))
    schema = [(name, "missing on the right") for name in result.schema.only_left]
    schema += [(name, "missing on the left") for name in result.schema.only_right]
    for change in result.schema.types:
        note = "" if change.compared else ": not compared"
        schema.append((change.name, f"{change.left} left, {change.right} right{note}"))
    if schema:
        yield Block("Columns", ("column", "difference"), schema)
    changed = [column for column in result.columns if column.changed]
    if changed:
        rows = [(c.name, f"{c.changed:,}", _percent(c.match_percent), c.max_abs_diff) for c in changed]
        yield Block("Changed cells", ("column", "changed", "equal", "largest difference"), rows)
    if result.samples:
        yield Block("Samples", ("", "key", "column", "left", "right"), [_sample(each) for each in result.samples])


def _percent(share: float | None) -> str:
    """A share of matched rows, never rounded up to all of them."""
    return "" if share is None else f"{math.floor(share * 100) / 100:.2f} %"


def _sample(result: Sample) -> Sequence[str | None]:
    from counterpoint.diff.showing import told, told_apart

    sides: Sequence[str | None]
    if result.column is None:
        sides = [None if side is None else told(side) for side in (result.left, result.right)]
    else:
        sides = told_apart(result.left, result.right)
    return result.kind.replace("_", " "), told(dict(result.key)), result.column, *sides


def _how(key: KeyUse | None) -> str:
    from counterpoint.diff.showing import told

    if key is None:
        return "equal files: no values were compared"
    if not key.columns:
        return "no key: whole rows are compared"
    used = f"matched by {', '.join(key.columns)} ({'detected' if key.found else 'given'})"
    if not key.repeated_left and not key.repeated_right:
        return used
    counts = f"{key.repeated_left:,} left, {key.repeated_right:,} right"
    return f"{used}; repeated keys: {counts}{''.join(f', {told(dict(example))}' for example in key.examples)}"

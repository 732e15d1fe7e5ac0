"""Two tables compared in plain Python, row by row: a reckoning of its own, not the product's."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

Row = dict[str, Any]


def same(value: Any) -> Any:
    """A value such that equal ones are equal in Python: NaN like NaN, 0.0 like -0.0, null like null alone."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else ("float", value + 0.0)
    if isinstance(value, list):
        return tuple(same(inner) for inner in value)
    if isinstance(value, dict):
        return tuple((name, same(inner)) for name, inner in value.items())
    return (type(value).__name__, value)


def is_changed(left: Any, right: Any, tolerance: float) -> bool:
    if same(left) == same(right):
        return False
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    return not (numbers and tolerance and abs(left - right) <= tolerance)


def whole(row: Row) -> Any:
    return tuple(same(value) for value in row.values())


def by_key(rows: list[Row], key: tuple[str, ...]) -> dict[Any, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[tuple(same(row[name]) for name in key)].append(row)
    return found


def compare(left: list[Row], right: list[Row], key: tuple[str, ...], tolerance: float = 0.0) -> dict[str, Any]:
    """Rows of one side only, rows changed, changed cells by column with the largest difference."""
    ours, theirs = by_key(left, key), by_key(right, key)
    only_left = only_right = changed = 0
    cells: Counter[str] = Counter()
    largest: dict[str, float] = {}
    for value in {*ours, *theirs}:
        one, other = ours.get(value, []), theirs.get(value, [])
        if not key or len(one) != 1 or len(other) != 1:
            counts = Counter(map(whole, one)), Counter(map(whole, other))
            only_left += (counts[0] - counts[1]).total()
            only_right += (counts[1] - counts[0]).total()
            continue
        names = [name for name in one[0] if is_changed(one[0][name], other[0][name], tolerance)]
        cells.update(names)
        changed += bool(names)
        for name in names:
            gap = difference(one[0][name], other[0][name])
            if gap is not None:
                largest[name] = max(gap, largest.get(name, 0.0))
    return {"only": (only_left, only_right), "changed": changed, "cells": dict(cells), "largest": largest}


def difference(left: Any, right: Any) -> float | None:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (left, right)):
        return None
    gap = abs(left - right)
    return gap if math.isfinite(gap) else None


def repeated(rows: list[Row], key: tuple[str, ...]) -> int:
    return sum(len(group) > 1 for group in by_key(rows, key).values())


def is_key(rows: list[Row], names: tuple[str, ...]) -> bool:
    return len(by_key(rows, names)) == len(rows)


def best_keys(left: list[Row], right: list[Row], names: list[str]) -> list[tuple[str, ...]]:
    """The keys that match the most rows, of the smallest size at which one matches half of the shorter table."""
    shared: dict[tuple[str, ...], int] = {}
    for size in (1, 2, 3):
        keys = [key for key in combinations(names, size) if is_key(left, key) and is_key(right, key)]
        shared |= {key: len(by_key(left, key).keys() & by_key(right, key).keys()) for key in keys}
        if shared and max(shared.values()) * 2 >= min(len(left), len(right)):
            break
    return [key for key, count in shared.items() if count == max(shared.values())]

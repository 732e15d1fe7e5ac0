"""Draws the rooms of this repository: its packages, and which of them imports which.

    python tools/rooms.py rooms.svg

A room is a package directly below `counterpoint`, or a whole other distribution. An arrow means "imports"; arrows that
follow from others are left out. Packages are found by what the distributions of this checkout hold, wherever that lies.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from graphlib import TopologicalSorter
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
CORE = "counterpoint"
# rooms that are one file; other single files are helpers, which the picture leaves out
FILES = ("adapter",)
Graph = dict[str, set[str]]

_WIDTH, _ROW, _HEIGHT, _MARGIN, _LETTER = 1000, 84, 34, 12, 7.6
_COLOURS = {"core": ("#e8eaf6", "#3949ab"), "other": ("#fff3e0", "#ef6c00")}
_STYLE = (
    "text{font:13px sans-serif;text-anchor:middle;dominant-baseline:central;fill:#222}"
    "path{fill:none;stroke:#78909c;stroke-width:1.1}"
)
_ARROW = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" style="fill:#78909c;stroke:none"/></marker></defs>'
)


class Point(NamedTuple):
    """A room, or an import on its way, on a level."""

    name: str
    level: int


class Box(NamedTuple):
    """Where a room is drawn, by the middle of its upper edge."""

    x: float
    y: float
    width: float


def sources() -> list[Path]:
    """The folders that hold the packages of the distributions in this checkout, those of tests left out."""
    projects = (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml"))
    return sorted(
        file.parent / "src" for file in projects if "tests" not in file.parts and (file.parent / "src").is_dir()
    )


def packages() -> dict[str, Path]:
    """The top-level packages of this checkout, by name."""
    return {file.parent.name: file.parent for folder in sources() for file in sorted(folder.glob("*/__init__.py"))}


def imports() -> Graph:
    """Which rooms each room imports, what only a type checker imports left out."""
    import grimp

    with importable():
        graph = grimp.build_graph(*packages(), exclude_type_checking_imports=True, cache_dir=None)
    found: Graph = {}
    for module in sorted(graph.modules):
        room = room_of(module)
        targets = {room_of(target) for target in graph.find_modules_directly_imported_by(module)} - {room, None}
        if room:
            found.setdefault(room, set()).update(target for target in targets if target)
    return found


@contextmanager
def importable() -> Iterator[None]:
    """Lets the packages of this checkout be found before installed ones of the same name."""
    before = list(sys.path)
    sys.path[:0] = map(str, sources())
    try:
        yield
    finally:
        sys.path[:] = before


def room_of(module: str) -> str | None:
    """The room that a module lies in; None for a helper of the core."""
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    if package != CORE:
        return package
    is_room = part in FILES or (packages()[CORE] / part / "__init__.py").exists()
    return f"{CORE}.{part}" if part and is_room else None


def reduced(graph: Graph) -> Graph:
    """The graph without the imports that follow from others.

    Raises:
        graphlib.CycleError: Rooms import each other; names them.
    """
    reach: Graph = {}
    for room in TopologicalSorter(graph).static_order():
        reach[room] = set().union(*({target, *reach[target]} for target in graph[room]))
    return {room: {t for t in targets if not any(t in reach[u] for u in targets)} for room, targets in graph.items()}


def levels(graph: Graph) -> dict[str, int]:
    """The level of each room: above all that it imports, and as near as can be below what imports it."""
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = max((1 + height[target] for target in graph[room]), default=0)
    level: dict[str, int] = {}
    for room in sorted(sorted(graph), key=height.__getitem__, reverse=True):
        above = [level[other] for other in level if room in graph[other]]
        level[room] = min(above) - 1 if above else height[room]
    return level


def chains(graph: Graph, level: Mapping[str, int]) -> list[list[Point]]:
    """Each import as a chain of points, one a level: its ends are rooms, what lies between passes by other rooms."""
    found = []
    for room in sorted(graph):
        for target in sorted(graph[room]):
            between = [Point(f"{room}>{target}", n) for n in range(level[room] - 1, level[target], -1)]
            found.append([Point(room, level[room]), *between, Point(target, level[target])])
    return found


def placed(graph: Graph) -> dict[Point, Box]:
    """Where each room is drawn, and where arrows pass: in the row of its level, near what it hangs on."""
    level = levels(graph)
    above: dict[Point, list[Point]] = {Point(room, n): [] for room, n in level.items()}
    for chain in chains(graph, level):
        for start, end in pairwise(chain):
            above.setdefault(end, []).append(start)
    boxes: dict[Point, Box] = {}
    for number, row in enumerate(range(max(level.values()), -1, -1)):
        points = sorted(point for point in above if point.level == row)
        wanted = {point: [boxes[other].x for other in above[point]] for point in points}
        points.sort(key=lambda point: sum(wanted[point]) / len(wanted[point]) if wanted[point] else _WIDTH)
        widths = [_width(point) for point in points]
        left = gap = (_WIDTH - sum(widths)) / (len(points) + 1)
        for point, width in zip(points, widths, strict=True):
            boxes[point] = Box(left + width / 2, _MARGIN + number * _ROW, width)
            left += width + gap
    return boxes


def _width(point: Point) -> float:
    return 0.0 if ">" in point.name else 18 + _LETTER * len(_short(point.name))


def _short(room: str) -> str:
    return room.removeprefix(f"{CORE}.")


def svg(graph: Graph) -> str:
    """The picture."""
    drawn = reduced(graph)
    boxes = placed(drawn)
    height = max(box.y for box in boxes.values()) + _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" role="img">',
        "<title>The packages, and which of them imports which</title>",
        f"<style>{_STYLE}</style>{_ARROW}",
        f'<rect width="{_WIDTH}" height="{height:g}" fill="#fff"/>',
        *(_arrow([boxes[point] for point in chain]) for chain in chains(drawn, levels(drawn))),
        *(_box(point.name, boxes[point]) for point in sorted(boxes) if ">" not in point.name),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrow(way: list[Box]) -> str:
    """A smooth line along a chain, straight beside the rooms that it passes."""
    line = f"M{way[0].x:.0f} {way[0].y + _HEIGHT:.0f}"
    for start, end in pairwise(way):
        bend = (_ROW - _HEIGHT) / 2
        top, bottom = start.y + _HEIGHT, end.y
        line += f"L{start.x:.0f} {top:.0f}C{start.x:.0f} {top + bend:.0f} {end.x:.0f} {bottom - bend:.0f}"
        line += f" {end.x:.0f} {bottom:.0f}"
    return f'<path d="{line}" marker-end="url(#a)"/>'


def _box(room: str, box: Box) -> str:
    fill, line = _COLOURS["core" if room.startswith(f"{CORE}.") else "other"]
    left, middle = box.x - box.width / 2, box.y + _HEIGHT / 2
    return (
        f'<rect x="{left:.1f}" y="{box.y:.0f}" width="{box.width:.1f}" height="{_HEIGHT}" rx="5" fill="{fill}"'
        f' stroke="{line}"/><text x="{box.x:.1f}" y="{middle:.0f}">{escape(_short(room))}</text>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(svg(imports()), encoding="utf-8")

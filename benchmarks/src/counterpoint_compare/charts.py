"""Charts as SVG that use the colours of their page, so that they work in light mode, dark mode and print."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# the placeholder colours for matplotlib, and the colours of the page that replace them
_INK, _LINE, _BAR, _SOFT = "#010101", "#020202", "#030303", "#040404"
_COLOURS = {_INK: "var(--ink)", _LINE: "var(--line)", _BAR: "var(--bar)", _SOFT: "var(--soft)"}
_ROW, _HEAD, _WIDTH, _SMALL = 0.24, 0.2, 7.2, 3.6
_SIZES = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


def bars(figure: Mapping[str, Any]) -> str:
    """One figure: a bar for the median of each side, and a line for the range of its values."""
    sides = list(figure["on"])
    with _style():
        from matplotlib.figure import Figure

        drawn = Figure(figsize=(_SMALL, _HEAD + _ROW * len(sides)), layout="constrained")
        axes = drawn.subplots()
        medians, places = [figure["on"][side]["median"] for side in sides], range(len(sides))
        axes.barh(places, medians, height=0.6, color=_BAR)
        for place, side in enumerate(sides):
            on = figure["on"][side]
            axes.plot([on["low"], on["high"]], [place, place], color=_INK, linewidth=1.2, marker="|", markersize=5)
            _label(axes, shown(on["median"], figure["unit"]), max(on["high"], on["median"]), place)
        _rows(axes, sides)
        axes.set_xlim(0, max(figure["on"][side]["high"] for side in sides) * 1.35 or 1)
        axes.set_xticks([])
        return _svg(drawn, figure["title"])


def timeline(runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> str:
    """The steps of each side's run as bars, in seconds since the start of its first step."""
    rows = [(side, step["name"], *_span(step, steps)) for side, steps in runs.items() for step in _finished(steps)]
    with _style():
        from matplotlib.figure import Figure

        drawn = Figure(figsize=(_WIDTH, 3 * _HEAD + 0.2 * (len(rows) + len(runs))), layout="constrained")
        axes = drawn.subplots()
        places = list(_placed([side for side, *_ in rows]))
        axes.barh(places, [end - begin for *_, begin, end in rows], left=[begin for *_, begin, _ in rows], color=_BAR)
        for place, (_, name, begin, end) in zip(places, rows, strict=True):
            _label(axes, f"{name} {end - begin:.1f} s", end, place, fontsize=7, color=_SOFT)
        firsts = {side: place for place, (side, *_) in reversed(list(zip(places, rows, strict=True)))}
        axes.set_yticks(list(firsts.values()), list(firsts))
        axes.invert_yaxis()
        axes.set_xlim(0, max((end for *_, end in rows), default=1) * 1.3)
        axes.set_xlabel("seconds")
        return _svg(drawn, title)


def shown(value: float | None, unit: str) -> str:
    """A formatted value: bytes in their largest unit, other values with three digits."""
    if value is None:
        return "–"
    if unit == "bytes":
        size, name = next(((value / size, name) for size, name in _SIZES if abs(value) >= size), (value, "B"))
        return f"{size:.3g} {name}" if size < 1000 else f"{size:,.0f} {name}"  # noqa: PLR2004 - no 1e+03
    words = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
    return f"{words} {unit}".strip()


def _finished(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    finished = [step for step in steps if step["started"] and step["ended"]]
    return sorted(finished, key=lambda step: (step["started"], step["ended"]))


def _span(step: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    first = datetime.fromisoformat(_finished(steps)[0]["started"])
    begin, end = (datetime.fromisoformat(step[name]) - first for name in ("started", "ended"))
    return begin.total_seconds(), end.total_seconds()


def _placed(sides: Sequence[str]) -> Iterator[float]:
    """The height of each row, with a gap between two sides."""
    place, previous = 0.0, sides[0] if sides else ""
    for side in sides:
        place += 0.0 if side == previous else 1.0
        yield place
        place, previous = place + 1.0, side


def _label(axes: Axes, text: str, right_of: float, place: float, **style: Any) -> None:
    axes.annotate(text, (right_of, place), (4, 0), textcoords="offset points", va="center", **style)


def _rows(axes: Axes, sides: Sequence[str]) -> None:
    axes.set_yticks(range(len(sides)), sides)
    axes.invert_yaxis()


def _style() -> AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "svg.fonttype": "none",  # keep text as text: searchable, and readable for screen readers
            "svg.hashsalt": "counterpoint",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": _INK,
            "axes.edgecolor": _LINE,
            "axes.labelcolor": _SOFT,
            "xtick.color": _SOFT,
            "ytick.color": _INK,
            "axes.facecolor": "none",
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "ytick.left": False,
        }
    )


def _svg(figure: Figure, title: str) -> str:
    """The drawing as an SVG element, with a label for screen readers."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    for placeholder, colour in _COLOURS.items():
        drawn = drawn.replace(placeholder, colour)
    drawn = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', "", drawn, count=1)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return drawn.replace("<svg", f'<svg class="chart" role="img" aria-label="{label}"', 1)

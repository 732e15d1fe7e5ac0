"""The report: one self-contained page, a Markdown version, and the raw results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context

from counterpoint.files import put
from counterpoint.terminal import markdown, markdown_block, markdown_code
from counterpoint_compare.advice import advise, typical
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.charts import bars, shown, timeline
from counterpoint_compare.summary import summary_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jinja2 import Environment
    from jinja2.runtime import Context


def write_report(results: Mapping[str, Any], out: Path) -> Path:
    """Writes index.html, report.md and results.json into a folder; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    pages = templates()
    put(out / "index.html", pages.get_template("report.html.j2").render(r=results))
    put(out / "report.md", pages.get_template("report.md.j2").render(r=results))
    put(out / "results.json", json.dumps(_without_pictures(results), indent=2) + "\n")
    return out / "index.html"


def _without_pictures(value: Any) -> Any:
    """The results without images, which only the page contains."""
    if isinstance(value, dict):
        return {name: None if name == "image" else _without_pictures(inner) for name, inner in value.items()}
    return [_without_pictures(inner) for inner in value] if isinstance(value, list) else value


def templates() -> Environment:
    """The Jinja environment with the templates of the reports."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    loader = PackageLoader("counterpoint_compare")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html.j2", "md.j2"]),
        finalize=_outside,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"bars": bars, "shown": shown, "code": _code, "block": _block}
    environment.globals |= {"timeline": _timeline, "summary": summary_of, "advise": _advices}
    environment.filters |= {
        "seconds": _seconds,
        "memory": _memory,
        "short": _short,
        "number": _number,
        "moment": _moment,
    }
    return environment


class _Rendered(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@pass_context
def _outside(page: Context, value: Any) -> Any:
    """Escapes values in Markdown templates; Jinja itself escapes HTML."""
    if hasattr(value, "__html__") or not str(page.name).endswith(".md.j2"):
        return value
    return _Rendered(markdown(str(value)))


def _code(text: str, *, cell: bool = True) -> _Rendered:
    return _Rendered(markdown_code(text, cell=cell))


def _block(text: str, language: str) -> _Rendered:
    return _Rendered(markdown_block(text, language))


def _advices(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The advice for typical teams; empty unless all orchestrators were compared."""
    if not {side["name"] for side in results["orchestrators"]}.issuperset(ORCHESTRATORS):
        return []
    return [advise(profile, results).to_dict() for profile in typical().values()]


def _timeline(results: Mapping[str, Any]) -> str:
    """The timeline of the steps of each side; empty if no step ran."""
    sides = [side["name"] for side in results["orchestrators"]]
    runs = {
        side: [{"name": row["step"], **row["on"][side]} for row in results["steps"] if side in row["on"]]
        for side in sides
    }
    executed = {side: steps for side, steps in runs.items() if any(step["started"] and step["ended"] for step in steps)}
    title = f"Timeline of the steps of {results['pipeline']} of {results['date']}"
    return timeline(executed, title) if executed else ""


def _seconds(value: float | None) -> str:
    """Seconds without their unit, which is in the column header."""
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"  # noqa: PLR2004 - two significant places


def _memory(value: int | None) -> str:
    """Megabytes without their unit."""
    return "–" if value is None else f"{value / 1024**2:,.0f}"


def _short(digest: str | None) -> str:
    return "–" if digest is None else digest.removeprefix("sha256:")[:12]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.4f}"


def _moment(made: str) -> str:
    return f"{datetime.fromisoformat(made).astimezone(UTC):%Y-%m-%d %H:%M} UTC"

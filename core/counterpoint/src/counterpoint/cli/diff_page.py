"""The report of two tables as one page that needs no other file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from counterpoint.cli.diff_report import Block, blocks_of
from counterpoint.terminal import visible

if TYPE_CHECKING:
    from counterpoint.diff import TableDiff

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    "td{font-family:ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}th{background:#eee}"
)


def page_of(left: str, right: str, result: TableDiff) -> str:
    """The page, in HTML."""
    title = f"{_text(left)} and {_text(right)}: {'equal' if result.equal else 'different'}"
    body = "\n".join(map(_block, blocks_of(result)))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n<h1>{title}</h1>\n{body}\n</body></html>\n'


def _block(block: Block) -> str:
    if not block.heads:
        return f"<p>{_text(block.title)}</p>"
    heads = "".join(f"<th>{_text(head)}</th>" for head in block.heads)
    rows = "\n".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in block.rows)
    return f"<h2>{_text(block.title)}</h2>\n<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _text(value: object) -> str:
    return "" if value is None else escape(visible(str(value)))

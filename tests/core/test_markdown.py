"""Text from outside is text in Markdown: read by a parser, it is what it was, and nothing else."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from counterpoint.terminal import markdown, markdown_block, markdown_code, visible
from counterpoint_compare.regression import write_against

if TYPE_CHECKING:
    from pathlib import Path

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = (
    "a|b",
    "@team, (@org/team) and ann@example.org",
    "`x` and ``",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example) ![x](http://evil.example)",
    "<https://evil.example>",
    "two\nlines\n\n# head\r\n| c | d |",
    "# head",
    "- item",
    "1. item",
    "2) item",
    "---",
    "> said",
    "_em_ __strong__ *em* ~~gone~~",
    "&lt;b&gt; &#124;",
    "a\\|b\\",
    "```\nblock\n```",
    "[x]: https://evil.example",
    "\x1b[31mred",
)
MARKS = st.text(st.sampled_from("ab1 _*`|\\<>[]()!#-+=~&;.:$@\n\t\x1b\u202e"), max_size=30)


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text)).strip()


def seen(page: str) -> str:
    """What a reader sees, who sees no space of no width."""
    return html.unescape(page).replace("\u200b", "")


def cells(inner: str) -> list[str]:
    page = READER.render(f"| a | b |\n|---|---|\n| {inner} | end |\n")
    assert page.count("<tr>") == 2, page
    return [cell.strip() for cell in re.findall(r"<td>(.*?)</td>", page, re.DOTALL)]


def check(text: str) -> None:
    assert [seen(cell) for cell in cells(markdown(text))] == [one_line(text), "end"]
    said = READER.render(f"before {markdown(text)}\n\n{markdown(text)}\n\n- {markdown(text)}\n")
    assert not set(re.findall(r"</?(\w+)", said)) - {"p", "ul", "li"}, said
    code = (
        f"<code>{html.escape(one_line(text), quote=False).replace(chr(34), '&quot;')}</code>" if one_line(text) else ""
    )
    assert cells(markdown_code(text, cell=True)) == [code, "end"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    check(text)


@given(MARKS)
def test_any_text_is_text(text: str) -> None:
    check(text)


def test_addresses_become_no_links() -> None:
    # what makes links of bare addresses looks for these in what was written
    written = markdown("see https://evil.example, HTTP://evil.example, www.evil.example or mailto:a@evil.example")
    assert not re.search(r"(?i)https?://|www\.|mailto:", written)


def test_nobody_is_mentioned() -> None:
    # service environments look for mentions in the page, not in what was written
    page = READER.render(markdown("@team, \\@team, @org/team and ann@example.org; 5 @ 3"))
    assert not re.search(r"(?<!\w)@\w", html.unescape(page))
    # what is copied out of a page still works
    assert "ann@example.org; 5 @ 3" in page
    assert markdown("counterpoint diff orders@v2") == "counterpoint diff orders@v2"


def test_a_block_is_ended_by_nothing_in_it() -> None:
    page = READER.render(markdown_block("x = 1\n```\n# head\n````\n<b>", "python"))
    assert page == '<pre><code class="language-python">x = 1\n```\n# head\n````\n&lt;b&gt;\n</code></pre>\n'


def test_ordinary_text_stays_as_it_is() -> None:
    for text in ("raw_interactions", "0.95 (0.90 – 1.02)", "2026-01-07", "3.3.2, success", "1,234 lines"):
        assert markdown(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_report_holds_no_markup_from_outside(tmp_path: Path, text: str) -> None:
    about = {"made": "2026-01-07T00:00:00+00:00", "machine": text}
    digests = {
        "equal": False,
        "compared": 1,
        "differing": [{"step": text, "date": text, "old": {"a": text}, "new": {}}],
    }
    found: dict[str, Any] = {
        "pipeline": text,
        "date": "2026-01-07",
        "old": about,
        "new": about,
        "same_machine": True,
        "digests": digests,
        "changes": [{"what": text, "old": text, "new": None}],
        "worse": 0,
        "better": 0,
        "rule": {"level": 0.05, "least_change": 0.1, "least_rounds": 3},
        "figures": [],
        "left_out": [{"what": text, "reason": text}],
    }
    write_against(found, tmp_path)
    page = READER.render((tmp_path / "against.md").read_text(encoding="utf-8"))
    ours = {"h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li"}
    assert not set(re.findall(r"</?(\w+)", page)) - ours
    assert page.count("<h1>") == 1
    assert page.count("<h2>") == 3
    assert page.count("<tr>") == 5
    assert page.count("<li>") == 1

"""Python source of values: it means the value, and a formatter finds nothing to change."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.build.source import Code, call, imported, statement

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.timedeltas(timedelta(0), timedelta(days=900)).map(lambda time: timedelta(seconds=time.total_seconds() // 1))
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | TIMES
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5) | st.tuples(inner, inner),
    max_leaves=25,
)
RUFF = Path(sys.executable).parent / "ruff"


def evaluated(text: str) -> Any:
    names: dict[str, Any] = {"timedelta": timedelta, "datetime": datetime, "UTC": UTC, "Call": dict}
    exec(text, names)  # noqa: S102 - what was generated here
    return names["value"]


@given(VALUES)
def test_it_means_the_value(value: Any) -> None:
    assert evaluated(statement("value = ", value)) == value


@given(st.dictionaries(st.from_regex(r"[a-z]{1,12}", fullmatch=True).map("{}_".format), VALUES, max_size=4))
def test_so_does_a_call(keywords: dict[str, Any]) -> None:
    assert evaluated(statement("value = ", call("Call", **keywords))) == keywords


def test_a_moment_is_in_utc() -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 5, 30, tzinfo=UTC)]
    assert evaluated(statement("value = ", moments)) == moments


def test_a_name_stands_as_it_is() -> None:
    assert statement("a = ", {"b": Code("c")}) == 'a = {"b": c}'
    assert statement("", call("f", Code("x"), last=()), indent=4) == "    f(x, last=())"


@pytest.mark.parametrize("length", [1, 40, 80, 120])
def test_a_formatter_finds_nothing_to_change(length: int, tmp_path: Path) -> None:
    if not RUFF.exists():
        pytest.skip("ruff is not in this environment")
    word = "w" * length
    value = {
        "text": word,
        "quoted": 'say "so"',
        "both": 'it\'s "so"',
        "list": [word, [1, 2.5, None, True]],
        "call": call("f", word, {word: timedelta(seconds=3)}, last=(1,)),
        "empty": [{}, [], ()],
    }
    body = [imported("os", ["path", "sep", "PathLike", "O_RDONLY"]), "", statement("value = ", value)]
    nested = ["", "with open(__file__):", statement("x = ", value, indent=4)]
    (tmp_path / "generated.py").write_text("\n".join([*body, *nested, ""]), encoding="utf-8")
    command = [str(RUFF), "format", "--isolated", "--diff", "--line-length", "88", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

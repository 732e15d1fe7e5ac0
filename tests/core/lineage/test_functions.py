"""What is kept of sources below a root is of their present content, or it is not used."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.lineage import functions
from counterpoint.lineage.functions import functions_in, functions_of
from counterpoint.storage import layout

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = b"def plain(x):\n    return x + 1\n", b"def plain(x):\n    return x + 2\n"
LINES = st.sampled_from(
    [b"def a():\n    return 1\n", b"def a():\n    return 2\n", b"B = 3\n", b"class C:\n    d = 4\n", b"(", b""]
)
SOURCES = st.dictionaries(st.sampled_from(["one", "two", "three"]), st.lists(LINES, max_size=3).map(b"".join))


def file_of(root: Path) -> Path:
    return root / layout.read_functions("farm")


def read(root: Path, **sources: bytes) -> dict[str, Any]:
    return {name: dict(of) for name, of in functions_of(sources, str(root), "farm").items()}


@given(st.lists(SOURCES, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_read_before_it_is_of_the_present_content(tmp_path: Path, states: list[dict[str, bytes]]) -> None:
    for sources in states:
        assert read(tmp_path, **sources) == {name: dict(functions_in(content)) for name, content in sources.items()}


def test_what_is_kept_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(tmp_path, one=ONE)
    parsed: list[bytes] = []
    monkeypatch.setattr(functions, "functions_in", lambda content: parsed.append(content) or functions_in(content))
    assert read(tmp_path, one=ONE, same=ONE) == {"one": first["one"], "same": first["one"]}
    assert parsed == []
    assert read(tmp_path, one=OTHER) != first
    assert parsed == [OTHER]


@pytest.mark.parametrize(
    "change",
    [
        {"made_by": "CPython 2.7.18 1"},
        {"sources": {hashlib.sha256(ONE).hexdigest(): 7}},
        {"sources": []},
    ],
)
def test_what_another_python_or_nobody_wrote_is_not_used(tmp_path: Path, change: dict[str, Any]) -> None:
    right = read(tmp_path, one=ONE)
    stored = json.loads(file_of(tmp_path).read_bytes())
    stored["sources"][hashlib.sha256(ONE).hexdigest()] = {"plain": "another digest"}
    file_of(tmp_path).write_text(json.dumps({**stored, **change}), encoding="utf-8")
    assert read(tmp_path, one=ONE) == right


def test_a_torn_file_is_made_again(tmp_path: Path) -> None:
    right = read(tmp_path, one=ONE)
    file_of(tmp_path).write_text('{"made_by": "CPy', encoding="utf-8")
    assert read(tmp_path, one=ONE) == right
    assert json.loads(file_of(tmp_path).read_bytes())["sources"]


def test_only_the_present_sources_are_kept(tmp_path: Path) -> None:
    read(tmp_path, one=ONE)
    read(tmp_path, one=OTHER)
    assert list(json.loads(file_of(tmp_path).read_bytes())["sources"]) == [hashlib.sha256(OTHER).hexdigest()]


def test_nothing_is_kept_in_a_bucket_or_without_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    right = {"one": dict(functions_in(ONE))}
    assert functions_of({"one": ONE}, "s3://lake/root", "farm") == right == functions_of({"one": ONE})
    assert list(tmp_path.iterdir()) == []

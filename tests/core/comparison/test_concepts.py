"""The same promise in the code of each side: found in the files as they are, or said to be gone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from counterpoint.errors import UsageError
from counterpoint_compare.code import code_sizes
from counterpoint_compare.code_excerpts import CONCEPTS, MODULES, concepts, files


def test_every_side_keeps_every_promise_in_code_that_is_code() -> None:
    found = concepts()
    assert [one["title"] for one in found] == [one.title for one in CONCEPTS]
    for one in found:
        assert [code["side"] for code in one["code"]] == list(MODULES)
        for code in one["code"]:
            ast.parse(code["text"])
            stands = files()[code["side"]].read_text(encoding="utf-8")
            assert all(line.strip() in stands for line in code["text"].splitlines())
            assert bool(code["text"]) or code["side"] == "counterpoint"
    retry = {code["side"]: code["text"] for code in found[0]["code"]}
    assert retry["counterpoint"].startswith("TRAINING_RETRY = RetryPolicy(")
    assert retry["airflow"].startswith("@dataclass(frozen=True)\nclass UnlessDataIsBad"), "with its decorator"
    gate = {code["side"]: code["text"] for code in found[2]["code"]}
    assert gate["counterpoint"].startswith('step(\n    "streamrec.registration:registered_models",')


def test_where_a_side_is_not_installed_there_is_nothing_to_show() -> None:
    assert concepts({side: file for side, file in files().items() if side != "airflow"}) == []


def test_a_name_that_is_gone_is_told(tmp_path: Path) -> None:
    empty = {side: tmp_path / file.name for side, file in files().items()}
    for file in empty.values():
        file.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pipeline.py no longer has 'TRAINING_RETRY'"):
        concepts(empty)


def test_what_orchestrates_is_counted_on_every_side() -> None:
    import sys

    sizes = code_sizes(lambda _: Path(sys.executable), ("local",))
    orchestrated = {name: size for name, size in sizes.items() if name.startswith("streamrec orchestrated")}
    assert [name.rpartition("(")[2] for name in orchestrated] == [f"{side})" for side in MODULES]
    assert all(size["files"] == 1 and 50 < size["lines"] < 300 for size in orchestrated.values())
    assert sizes["by hand: storage, registry and alerts, shared"]["files"] == 6

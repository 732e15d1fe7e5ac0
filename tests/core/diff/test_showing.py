"""Samples for people: null apart from the text NULL, and two values that differ never look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.diff.showing import told, told_apart

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        (None, "NULL", ("NULL", '"NULL"')),
        (None, "None", ("NULL", '"None"')),
        ("a", "a ", ('"a"', '"a "')),
        ("", None, ('""', "NULL")),
        ("é", "e\u0301", ('"\\u00e9"', '"e\\u0301"')),
        ("a b", "a\u00a0b", ('"a b"', '"a\\u00a0b"')),
        ("ab", "a\u200bb", ('"ab"', '"a\\u200bb"')),
        ("paypal", "p\u0430ypal", ('"paypal"', '"p\\u0430ypal"')),
        ("größe", "Größe", ('"größe"', '"Größe"')),
        ("\x1b[31mred", "red", ('"\\u001b[31mred"', '"red"')),
        (1, "1", ("1", '"1"')),
        (True, "True", ("True", '"True"')),
        ({"a": None}, {"a": "None"}, ('{"a": null}', '{"a": "None"}')),
    ],
)
def test_values_that_look_alike_are_told_apart(left: object, right: object, shown: tuple[str, str]) -> None:
    assert told_apart(left, right) == shown


@pytest.mark.parametrize("place", [0, 10, 2000, 4999])
def test_long_texts_are_cut_around_their_first_difference(place: int) -> None:
    text = "x" * 5000
    left, right = told_apart(text, text[:place] + "y" + text[place + 1 :])
    assert "y" in right
    assert (len(left), len(right), left == right) == (60, 60, False)


def test_a_long_value_is_cut() -> None:
    assert (told("x" * 70), len(told("x" * 70))) == ('"' + "x" * 58 + "…", 60)


TEXTS = st.text(st.sampled_from("ab \u00a0\u200b\u0301é\u0435\n\t\x1b"), max_size=80)


@given(st.none() | TEXTS, st.none() | TEXTS)
def test_two_values_that_differ_are_shown_differently(left: str | None, right: str | None) -> None:
    assume(left != right)
    shown = [text.strip().replace("\u200b", "") for text in told_apart(left, right)]
    assert shown[0] != shown[1]
    assert not any(char in text for text in shown for char in "\n\t\x1b")


def test_the_command_shows_null_apart_from_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side, values in (("l", [None, "a"]), ("r", ["None", "a "])):
        pl.DataFrame({"id": [1, 2], "v": values}).write_parquet(tmp_path / f"{side}.parquet")
    sides = [str(tmp_path / f"{side}.parquet") for side in ("l", "r")]
    assert main(["diff", *sides, "--root", str(tmp_path / "root")]) == 4
    answer = capsys.readouterr().out
    assert all(cell in answer for cell in ("NULL", '"None"', '"a"', '"a "', '{"id": 1}'))

"""Which difference is first, what follows from it, what was not compared; and no alarm where there is nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

import judging
import market
from judging import FIRST, GIT, LAST, SPENT, WRONG, at, only, repeated

from counterpoint.storage import Model
from counterpoint_migrate.validate.matching import How
from counterpoint_migrate.validate.recheck import check_again, read_verdict
from counterpoint_migrate.validate.validate import Question, compare
from counterpoint_migrate.validate.verdict import verdict_of
from counterpoint_migrate.validate.verdictpage import write_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.validate.data_sides import RunSide

    Judge = Callable[..., dict[str, Any]]


def test_a_day_that_was_never_written(judge: Judge) -> None:
    found = judge(first=WRONG)
    assert only(found)[:2] == ("orders", (FIRST,))
    assert found["causes"][0]["kinds"] == ["missing"]
    assert "only the right side has it" in found["causes"][0]["evidence"][0]


def test_two_causes_are_two(judge: Judge) -> None:
    def change(name: str, value: Any, partition: Any) -> Any:
        if name == "valid" and partition.key == WRONG:
            return repeated(value, partition)
        if name == "model" and partition.key == FIRST:
            return Model(market.model(SPENT, 99).weights, value.parameters, value.metrics)
        return value

    found = judge(change)
    told = [(cause["step"], cause["dates"], cause["hint"]["name"]) for cause in found["causes"]]
    assert told == [("model", [FIRST], "seed"), ("valid", [WRONG], "duplicates")]


def the_day_before(_: Any, partition: Any) -> Any:
    return market.stream(7, partition.start - timedelta(days=1), partition.start)


def test_a_step_that_is_not_compared_hands_on_what_it_was_given(judge: Judge) -> None:
    found = judge(at("orders", the_day_before, WRONG), without=("valid", "model"))
    assert only(found)[:2] == ("orders", (WRONG,))
    told = {one["step"]: (one["dates"], one["because"]) for one in found["consequences"]}
    assert told == {step: ([WRONG, LAST], [f"orders of {WRONG}"]) for step in ("spending", "score")}
    assert [one["step"] for one in found["not_compared"]] == ["valid", "model"]


def test_what_was_not_compared_is_named_beside_a_cause(judge: Judge) -> None:
    found = judge(at("valid", repeated, "2026-01-02"))
    (cause,) = found["causes"]
    assert (cause["step"], cause["dates"]) == ("spending", [FIRST, WRONG])
    assert cause["inputs_not_compared"] == ["valid of 2026-01-01", "valid of 2026-01-02", "valid of 2026-01-02"]


def test_two_sides_that_were_run(tmp_path: Path, right: RunSide) -> None:
    question = Question("market:shop", FIRST, FIRST, "airflow", "dagster", str(tmp_path))
    for left, told in ((right, "Equal"), (judging.right_side(tmp_path / "other", 8), "Different")):
        sides = (left, right)
        matches = compare(*sides, question.described, question.dates, lambda _: How(question.options))
        verdict = verdict_of(question, sides, matches, GIT, ["migrate", "validate"])
        assert verdict["equal"] == (told == "Equal")
        page = write_verdict(verdict, tmp_path / told)
        assert f">{told}</p>" in page.read_text(encoding="utf-8")
        assert check_again(read_verdict(page.parent)) == {
            "holds": True, "equal": told == "Equal", "checked": 5, "changed": [],
        }  # fmt: skip
    assert only(verdict) == ("orders", (FIRST,), None)
    entry = left.store.entry("score", FIRST)
    other = left.store.write(market.shop.step("score"), FIRST, {"mean": 1.0}, "0123456789abcdef")
    left.store.publish(replace(entry, reference=other))
    again = check_again(verdict)
    assert [(one["step"], one["what"]) for one in again["changed"]] == [("score", "left digest")]
    left.store.publish(entry)


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_on_a_clean_pair(tmp_path: Path, seed: int) -> None:
    found = judging.judged(tmp_path, judging.right_side(tmp_path / "right", seed))
    assert (found["equal"], found["causes"], found["notes"]) == (True, [], [])
    assert {row["by"] for row in found["outputs"]} == {"digest"}
    assert len(found["outputs"]) == 15

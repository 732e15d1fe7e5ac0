"""The ledger: an object for each comparison, and the streak that it comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterpoint.model import PartitionKind, Partitions
from counterpoint.storage import json_digest
from counterpoint.storage.objects import Objects
from counterpoint_migrate.cutover.ledger import entries, entry_of, last_of, note, pair_of, pairs, streak_of
from counterpoint_migrate.validate.validate import Question

DAYS = Partitions(start="2026-01-01")
VERDICT = {"dates": ["2026-01-02"], "outputs": [1, 2], "git": {"commit": None}, "counterpoint": "0"}


def entry(date: str, *, equal: bool = True) -> dict[str, Any]:
    return {"date": date, "equal": equal, "first": None if equal else {"step": "sum", "date": date}}


def days(*numbers: int, differing: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    return [entry(f"2026-01-{number:02}", equal=number not in differing) for number in numbers]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], "nothing is compared yet"),
        (days(3), "identical for 1 day (2026-01-03..2026-01-03)"),
        (days(1, 2, 3, 4), "identical for 4 days (2026-01-01..2026-01-04)"),
        (days(1, 2, 4, 5), "identical for 2 days (2026-01-04..2026-01-05)"),
        (days(1, 2, 3, 4, differing=(2,)), "identical for 2 days (2026-01-03..2026-01-04)"),
        (days(1, 2, 3, differing=(3,)), "not identical: sum of 2026-01-03 differs"),
    ],
)
def test_the_streak_ends_at_the_newest_date_and_has_no_gap(found: list[dict[str, Any]], told: str) -> None:
    assert str(streak_of(found, DAYS)) == told


def test_what_broke_the_streak_is_told() -> None:
    assert streak_of(days(1, 3), DAYS).broken_by == {"date": "2026-01-02", "step": None, "reason": "not compared"}
    broken = streak_of(days(1, 2, 3, differing=(2,)), DAYS).broken_by
    assert broken == {"date": "2026-01-02", "step": "sum", "reason": "differs"}
    assert streak_of(days(1, 2), DAYS).broken_by is None


def test_hours_and_months_are_counted_as_such() -> None:
    hours = [entry("2026-01-31T23"), entry("2026-02-01T00")]
    assert str(streak_of(hours, Partitions(PartitionKind.HOURLY, "2026-01-01T00"))).startswith("identical for 2 hours")
    months = [entry("2025-12"), entry("2026-01")]
    assert streak_of(months, Partitions(PartitionKind.MONTHLY, "2025-01")).count == 2


def test_the_last_entry_of_a_date_counts_and_none_is_lost(tmp_path: Path) -> None:
    last_entries_count(Objects(str(tmp_path)))


def test_so_it_is_on_s3(bucket: str) -> None:
    last_entries_count(Objects(bucket))


def last_entries_count(objects: Objects) -> None:
    for one in (*days(1, 2, differing=(2,)), entry("2026-01-02")):
        note(objects, "shop", "airflow-dagster", one)
    # a pair whose name begins like another's
    note(objects, "shop", "airflow-dagster2", entry("2026-01-03"))
    assert [one["equal"] for one in entries(objects, "shop", "airflow-dagster")] == [True, True]
    assert last_of(objects, "shop", "airflow-dagster", "2026-01-02")["first"] is None
    assert last_of(objects, "shop", "airflow-dagster", "2026-01-03") is None
    assert len(objects.list("ledger/shop/airflow-dagster/2026-01-02")) == 2
    assert pairs(objects, "shop") == ["airflow-dagster", "airflow-dagster2"]


def test_outputs_of_somebody_elses_dag_are_a_side_of_their_own() -> None:
    assert pair_of("airflow", "dagster", legacy=True) != pair_of("airflow", "dagster", legacy=False)


def test_an_entry_tells_the_first_step_that_differs() -> None:
    causes = [{"step": "sum", "dates": ["2026-01-02"]}, {"step": "report", "dates": ["2026-01-02"]}]
    linear, day = "counterpoint.testing.scenarios:linear", "2026-01-02"
    question = Question(linear, day, day, "airflow", "dagster", "root", {"offset": 3})
    found = entry_of(question, {**VERDICT, "equal": False, "causes": causes}, {"code": "c"}, Path("out"))
    assert (found["first"], found["outputs"]) == ({"step": "sum", "date": "2026-01-02"}, 2)
    assert (found["verdict"], found["config"]) == (str(Path("out/verdict.json")), {"offset": 3})
    assert found["settings"]["offset"] == json_digest(3)

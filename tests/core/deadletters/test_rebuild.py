"""The whole way on the local runner: rejected, sent to its day, stale, rebuilt, there once; or permanent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from letterbox import to_their_days

from counterpoint.cli.main import main
from counterpoint.commands import command

if TYPE_CHECKING:
    from conftest import Box

FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/dlq.schema.json").read_text(encoding="utf-8"))
SENT = {
    "step": "checked",
    "partition": THIRD,
    "letters": 3,
    "given_up": 1,
    "arrived": {SECOND: 2, THIRD: 1},
}


def test_late_rows_stand_in_their_own_day_exactly_once(box: Box) -> None:
    box.run()
    assert (box.numbers(SECOND), box.numbers(THIRD)) == ([10, 20], [3, 4, 5])
    assert box.counts() == {THIRD: (4, 0, 0, 0, 0)}

    sent = box.dlq("reprocess", "--delay", "0s")
    assert sent["partitions"] == [SENT]
    assert sent["next"] == command(
        *("backfill", "letterbox:letterbox", "--from", SECOND, "--to", THIRD, "--stale"),
        root=box.root,
        config=box.config,
    )
    assert box.counts() == {SECOND: (0, 0, 0, 2, 0), THIRD: (0, 0, 3, 1, 1)}
    assert box.stale() == [(SECOND, "checked"), (THIRD, "checked")]

    report = box.backfill_stale("again")
    assert report["status"] == "success"
    # both checked days, and the totals that rest on them
    assert report["computed"] == 4
    assert (box.numbers(SECOND), box.numbers(SECOND, "again")) == ([10, 20], [10, 20, 30, 30])
    box.promote("again")

    assert (box.numbers(FIRST), box.numbers(SECOND), box.numbers(THIRD)) == ([1, 2], [10, 20, 30, 30], [3, 4, 5])
    assert box.stale() == []
    # 500 was too high again, 5000 was given up
    assert box.counts() == {SECOND: (0, 0, 0, 2, 0), THIRD: (0, 0, 3, 1, 2)}
    assert box.dlq("reprocess", "--delay", "0s")["partitions"] == []


def test_rebuilt_any_number_of_times_each_row_is_there_once(box: Box) -> None:
    box.run()
    box.dlq("reprocess", "--delay", "0s")
    for _ in range(2):
        box.run(force=True)
        assert box.numbers(SECOND) == [10, 20, 30, 30]
        assert box.counts() == {SECOND: (0, 0, 0, 2, 0), THIRD: (0, 0, 3, 1, 2)}
        assert box.dlq("reprocess", "--delay", "0s")["partitions"] == []


def test_what_is_delivered_later_waits_beside_what_is_known(box: Box) -> None:
    box.run()
    box.dlq("reprocess", "--delay", "0s")
    box.deliver(THIRD, *[(30, SECOND)] * 3, (3, THIRD), (4, THIRD), (500, THIRD), (5000, THIRD))
    box.run()
    assert box.counts()[THIRD] == (1, 0, 3, 1, 2)
    assert box.dlq("reprocess", "--delay", "0s")["partitions"] == [
        {**SENT, "letters": 1, "given_up": 0, "arrived": {SECOND: 1}}
    ]
    box.run()
    assert box.numbers(SECOND) == [10, 20, 30, 30, 30]


def test_a_row_that_passes_by_another_limit_is_no_longer_rejected(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.run()
    box.dlq("reprocess", "--delay", "0s")
    monkeypatch.setattr(type(box), "config", {"folder": str(box.place), "limit": 600})
    box.run()
    # once from the source, once as it was sent back
    assert box.numbers(THIRD) == [3, 4, 5, 500, 500]


def test_rows_wait_for_the_delay_and_only_the_range_is_sent(box: Box) -> None:
    box.run()
    assert box.dlq("reprocess")["partitions"] == []
    assert box.dlq("reprocess", "--delay", "0s", "--from", FIRST, "--to", SECOND)["partitions"] == []
    assert box.dlq("reprocess", "--delay", "0s", "--from", THIRD, "--step", "checked")["letters"] == 3


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(box: Box) -> None:
    box.run()
    before = sorted(str(path) for path in Path(box.root).rglob("*"))
    found = box.dlq("reprocess", "--delay", "0s", "--dry-run")
    assert (found["partitions"], found["dry_run"], found["next"]) == ([SENT], True, None)
    assert sorted(str(path) for path in Path(box.root).rglob("*")) == before


def test_rows_of_a_day_that_failed_are_not_sent(box: Box) -> None:
    """A day that fails is mended as a whole; when it stands, its rows wait like others."""
    box.deliver(THIRD, (30, SECOND), (500, THIRD))
    assert box.run() == ["success", "success", "checked failed"]
    assert box.counts() == {THIRD: (0, 2, 0, 0, 0)}
    assert box.dlq("reprocess", "--delay", "0s")["partitions"] == []
    box.deliver(THIRD, (30, SECOND), (500, THIRD), (3, THIRD))
    box.run(THIRD)
    assert box.counts() == {THIRD: (2, 0, 0, 0, 0)}


def test_show_tells_of_each_row(box: Box) -> None:
    box.run()
    box.dlq("reprocess", "--delay", "0s")
    box.run()
    found = box.dlq("show", "--limit", "0")
    states = sorted((row["state"], row["row"]["x"]) for row in found["rows"])
    sent = [("resubmitted", 30), ("resubmitted", 30), ("resubmitted", 500)]
    assert states == [("permanent", 500), ("permanent", 5000), *sent]
    assert box.dlq("show", "--date", SECOND) == {"pipeline": "letterbox", "total": 0, "rows": []}
    few = box.dlq("show", "--step", "checked", "--date", THIRD, "--limit", "2")
    assert (few["total"], len(few["rows"])) == (5, 2)


def test_each_answer_is_as_its_schema_says(box: Box) -> None:
    box.run()
    for words in (["list"], ["show"], ["reprocess", "--delay", "0s"], ["list"]):
        found = box.dlq(*words)
        jsonschema.validate(found, {**SCHEMA, "$ref": f"#/$defs/{words[0]}"})
        jsonschema.validate(found, SCHEMA)


@pytest.mark.parametrize("action", ["list", "show", "reprocess"])
def test_people_read_it_on_stdout(box: Box, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    box.run()
    capsys.readouterr()
    assert main(["dlq", action, "letterbox:letterbox", "--root", box.root]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "letterbox: " in told.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--step", "checked"], "dlq list has no option --step"),
        (["show", "--from", FIRST], "dlq show has no option --from"),
        (["show", "--limit", "-1"], "--limit -1: give 0 for all rows"),
        (["show", "--date", "yesterday"], "yesterday"),
        (["show", "--step", "chekced"], "no step 'chekced'"),
        (["reprocess", "--delay", "soon"], "--delay 'soon' is no length of time: write 30s, 15m, 1h or 2d"),
        (["reprocess", "--step", "total"], "give its function the parameter 'resubmitted'"),
        (["reprocess", "--from", "2025-12-31"], "before the pipeline's start"),
    ],
)
def test_a_wrong_request_is_named(box: Box, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    action, *more = words
    assert main(["dlq", action, "letterbox:letterbox", "--root", box.root, *more]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop("letter"), "without a text in column 'letter': keep it in every row"),
        (lambda rows: rows.with_columns(partition=None), "without a text in column 'partition'"),
        (lambda rows: rows.with_columns(letter=rows["letter"] + "x"), "letters that it was not given"),
        (lambda rows: rows.with_columns(partition="x" + rows["partition"]), "for partition 'x2026-01-0"),
        (lambda rows: rows.to_dicts(), "returned a list"),
        (lambda rows: rows["none"], "failed: ColumnNotFoundError"),
    ],
)
def test_a_wrong_function_is_named_and_nothing_is_sent(box, change, said, monkeypatch, capsys):
    box.run()
    monkeypatch.setattr("letterbox.to_their_days", lambda rejected: change(to_their_days(rejected)))
    assert main(["dlq", "reprocess", "letterbox:letterbox", "--root", box.root, "--delay", "0s"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"counterpoint: letterbox:to_their_days, which tries rejected rows of checked of {THIRD}")
    assert said in told
    assert box.counts() == {THIRD: (4, 0, 0, 0, 0)}

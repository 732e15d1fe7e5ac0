"""An alert reaches who has to act: once per cause, as a list where there are many, again where it was not delivered."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.alerts import Alert, deliver_due, release, tell
from counterpoint.alerts.incident import Case, acknowledged
from counterpoint.alerts.incidents import all_cases, change
from counterpoint.errors import UsageError
from counterpoint.model import FailureClass, Severity
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Chat, Mail

START = datetime(2026, 1, 7, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BROKEN = Alert(
    severity=Severity.P0,
    failure=FailureClass.CODE_BUG,
    pipeline="farm",
    step="milk",
    partition="2026-01-06",
    run_id="run-6",
    title="farm: milk failed: NameError",
    detail="name 'pail' is not defined",
    error="NameError",
    where="farm.py:7 in milk",
    command="counterpoint retry farm --run run-6",
)


def day(number: int, **more: Any) -> Alert:
    return replace(BROKEN, partition=f"2026-01-{number:02}", run_id=f"run-{number}", detail=f"of day {number}", **more)


def only(store: Objects) -> Case:
    (case,) = all_cases(store)
    return case


def test_a_message_says_all_that_is_needed(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    tell(store, BROKEN, now=START)
    (post,) = chat.posts
    assert post["title"] == "[P0] farm: milk failed: NameError"
    for said in ("name 'pail'", "2026-01-06", "farm.py:7 in milk", "retry farm --run run-6", f"ack {BROKEN.id}"):
        assert said in post["message"]
    case = only(store)
    assert (case.count, case.told, case.sent, case.outbox) == (1, START, START, ())
    assert [(row["route"], row["error"]) for row in case.deliveries] == [("P0[0]", None)]


def test_mail_arrives(store: Objects, mail: tuple[Mail, int], routed: Callable[[str], None]) -> None:
    box, port = mail
    routed(f'[routes]\nP0 = ["mailto://127.0.0.1:{port}?from=cp@example.com&to=oncall@example.com"]')
    tell(store, BROKEN, now=START)
    (letter,) = box.letters
    assert "Subject: [P0] farm: milk failed: NameError" in letter
    assert "To: oncall@example.com" in letter
    assert [row["error"] for row in only(store).deliveries] == [None]


def test_each_severity_goes_its_own_way(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}/page"]\nP2 = ["{chat.url}"]')
    for severity in Severity:
        tell(store, replace(BROKEN, severity=severity, title=severity.value), now=START)
    assert chat.titles == ["[P0] P0", "[P2] P2"]
    assert len(all_cases(store)) == 4


def test_every_alert_is_logged_by_its_gravity(
    store: Objects, caplog: pytest.LogCaptureFixture, routed: Callable[[str], None]
) -> None:
    caplog.set_level(logging.INFO, "counterpoint.alerts")
    for severity in Severity:
        tell(store, replace(BROKEN, severity=severity), now=START)
    lines = [record for record in caplog.records if record.name == "counterpoint.alerts"]
    assert [record.levelno for record in lines] == [logging.ERROR, logging.ERROR, logging.WARNING, logging.INFO]
    assert all("farm: milk failed" in record.getMessage() for record in lines)


def test_a_cause_is_told_once_in_two_hours(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    for number, minutes in ((6, 0), (7, 1), (8, 119)):
        tell(store, day(number), now=START + minutes * MINUTE)
        deliver_due(store, now=START + minutes * MINUTE)
    assert len(chat.posts) == 1
    tell(store, day(9), now=START + 120 * MINUTE)
    assert len(chat.posts) == 2
    assert "2026-01-06, 2026-01-07, 2026-01-08, 2026-01-09" in chat.posts[1]["message"]
    assert "4 times" in chat.posts[1]["message"]


def test_another_place_is_another_cause(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]\n[throttle]\nhours = 0.5')
    tell(store, BROKEN, now=START)
    tell(store, replace(BROKEN, where="farm.py:8 in milk"), now=START)
    tell(store, BROKEN, now=START + 29 * MINUTE)
    assert len(chat.posts) == 2
    tell(store, BROKEN, now=START + 30 * MINUTE)
    assert len(chat.posts) == 3


def test_a_backfill_is_told_at_its_end_with_all_days(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    for number in range(1, 31):
        tell(store, day(number, version="v2"), now=START)
    assert deliver_due(store, now=START + 9 * MINUTE) == []
    release(store, "v3", now=START + 9 * MINUTE)
    assert chat.posts == []
    release(store, "v2", now=START + 9 * MINUTE)
    (post,) = chat.posts
    assert all(f"2026-01-{number:02}" in post["message"] for number in range(1, 31))
    assert "(version v2)" in post["message"]
    release(store, "v2", now=START + 9 * MINUTE)
    assert len(chat.posts) == 1


def test_a_long_backfill_does_not_hold_for_ever(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    tell(store, day(1, version="v2"), now=START)
    (row,) = deliver_due(store, now=START + 10 * MINUTE)
    assert (row["id"], row["kind"], row["delivered"], row["failed"]) == (BROKEN.id, "alert", ["P0[0]"], [])
    assert deliver_due(store, now=START + 11 * MINUTE) == []


def test_what_production_met_too_is_not_held(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    tell(store, day(1, version="v2"), now=START)
    tell(store, day(2), now=START)
    assert len(chat.posts) == 1
    assert only(store).held == ()


def test_a_chat_that_is_down_gets_it_later(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}", "{chat.url}/second"]')
    chat.status = 503
    tell(store, BROKEN, now=START)
    (message,) = only(store).outbox
    assert message.routes == ("P0[0]", "P0[1]")
    chat.status = 200
    assert deliver_due(store, now=START + 0.5 * MINUTE) == []
    (row,) = deliver_due(store, now=START + 2 * MINUTE)
    assert row["delivered"] == ["P0[0]", "P0[1]"]
    assert len(chat.posts) == 2
    assert deliver_due(store, now=START + 200 * MINUTE) == []


def test_only_the_route_that_failed_is_tried_again(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}", "json://127.0.0.1:1/down"]')
    tell(store, BROKEN, now=START)
    for minutes in (2, 5, 10, 60, 600):
        (row,) = deliver_due(store, now=START + minutes * MINUTE)
        assert (row["delivered"], row["failed"]) == ([], ["P0[1]"])
    assert len(chat.posts) == 1
    deliver_due(store, now=START + timedelta(hours=25))
    assert only(store).outbox == ()


def test_another_alert_takes_along_what_was_not_delivered(
    store: Objects, chat: Chat, routed: Callable[[str], None]
) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    chat.status = 500
    tell(store, BROKEN, now=START)
    chat.status = 200
    tell(store, replace(BROKEN, title="another", where="elsewhere"), now=START + 5 * MINUTE)
    assert chat.titles == ["[P0] another", "[P0] farm: milk failed: NameError"]


def test_a_chat_that_hangs_does_not_hold_up_the_run(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    import apprise

    apprise.Apprise.instantiate(chat.url)  # loads its services, which takes as long as this machine is busy
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    chat.answers.clear()
    begun = time.monotonic()
    tell(store, BROKEN, now=START)
    assert time.monotonic() - begun < 9
    assert only(store).outbox[0].routes == ("P0[0]",)


def test_nobody_took_it(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]\n[escalation]\nminutes = 30\nto = ["{chat.url}/boss"]')
    tell(store, BROKEN, now=START)
    tell(store, replace(BROKEN, severity=Severity.P2), now=START)
    assert deliver_due(store, now=START + 29 * MINUTE) == []
    (row,) = deliver_due(store, now=START + 30 * MINUTE)
    assert (row["kind"], row["delivered"]) == ("escalation", ["to[0]"])
    assert chat.titles[-1] == "[P0] not acknowledged: farm: milk failed: NameError"
    assert deliver_due(store, now=START + 300 * MINUTE) == []


def test_what_was_taken_is_not_escalated_and_opens_again(
    store: Objects, chat: Chat, routed: Callable[[str], None]
) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]\n[escalation]\nto = ["{chat.url}/boss"]')
    tell(store, BROKEN, now=START)
    change(store, BROKEN.id, lambda case: acknowledged(case, "ann", START + MINUTE))
    assert deliver_due(store, now=START + 40 * MINUTE) == []
    tell(store, day(7), now=START + 41 * MINUTE)
    assert (only(store).is_open, only(store).count) == (False, 2)
    tell(store, day(8), now=START + 121 * MINUTE)
    assert (only(store).is_open, only(store).count, len(chat.posts)) == (True, 1, 2)
    (row,) = deliver_due(store, now=START + 151 * MINUTE)
    assert row["kind"] == "escalation"


def test_a_wrong_file_is_logged_and_the_alert_is_sent_once_it_is_mended(
    store: Objects, chat: Chat, routed: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    routed("[routes]\nP9 = []")
    tell(store, BROKEN, now=START)
    assert "[routes] has 'P9'" in caplog.text
    with pytest.raises(UsageError, match="P9"):
        deliver_due(store, now=START)
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    assert [row["delivered"] for row in deliver_due(store, now=START + MINUTE)] == [["P0[0]"]]


def test_telling_never_raises(tmp_path: Any, routed: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    nowhere = Objects(str(tmp_path / "file" / "data"))
    tell(nowhere, BROKEN)
    release(nowhere, "v2")
    assert "an alert was not stored" in caplog.text


def test_on_s3(bucket: str, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    for number in (6, 7):
        tell(Objects(bucket), day(number), now=START)
    assert (only(Objects(bucket)).count, len(chat.posts)) == (2, 1)

"""A backfill in which many days fail for one cause is one message with a list, also when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.alerts.incidents import all_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Chat

    from counterpoint.storage.objects import Objects

HERE = str(Path(__file__).parent)
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")


@pytest.fixture
def backfill(store: Objects, chat: Chat, routed: Callable[[str], None]) -> Callable[..., subprocess.Popen[str]]:
    routed(f'[routes]\nP0 = ["{chat.url}"]')

    def start(*words: str) -> subprocess.Popen[str]:
        command = ["counterpoint", "backfill", "herd:herd", "--from", DAYS[0], "--to", DAYS[-1], "--version", "v2"]
        environment = {**os.environ, "PYTHONPATH": HERE, "COUNTERPOINT_ROOT": store.root}
        return subprocess.Popen([sys.executable, "-m", *command, *words], env=environment, text=True)

    return start


def test_days_that_fail_for_one_cause_are_one_message(
    backfill: Callable[..., subprocess.Popen[str]], store: Objects, chat: Chat
) -> None:
    assert backfill().wait(120) == 1
    (post,) = chat.posts
    assert all(day in post["message"] for day in DAYS)
    assert f"retry herd:herd --backfill v2 --root {store.root}" in post["message"]
    (case,) = all_cases(store)
    assert sorted(one["partition"] for one in case.occurrences) == list(DAYS)


def test_what_an_interrupted_backfill_held_is_told(
    backfill: Callable[..., subprocess.Popen[str]], store: Objects, chat: Chat
) -> None:
    process = backfill("--set", f'slow="{DAYS[-1]}"', "--max-parallel", "3")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum(case.count for case in all_cases(store)) < 2:
        time.sleep(0.1)
    assert chat.posts == []
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    (post,) = chat.posts
    assert all(day in post["message"] for day in DAYS[:2])
    assert DAYS[-1] not in post["message"]

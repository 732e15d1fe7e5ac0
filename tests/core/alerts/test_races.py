"""Processes that tell one cause at once: nothing is lost, and it is delivered once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from counterpoint.alerts.incidents import all_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Chat

    from counterpoint.storage.objects import Objects

TELL = """
import sys
from counterpoint.alerts import Alert, deliver_due, tell
from counterpoint.model import FailureClass, Severity
from counterpoint.storage.objects import Objects

store = Objects(sys.argv[1])
sys.stdin.readline()
for day in range(10):
    tell(store, Alert(severity=Severity.P0, failure=FailureClass.CODE_BUG, pipeline="farm", title="milk",
                      partition=f"{sys.argv[2]}-{day}", run_id=f"{sys.argv[2]}-{day}"))
    deliver_due(store)
"""


def test_many_at_once(store: Objects, chat: Chat, routed: Callable[[str], None]) -> None:
    routed(f'[routes]\nP0 = ["{chat.url}"]')
    command = [sys.executable, "-c", TELL, store.root]
    tellers = [subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, text=True) for number in range(4)]
    for teller in tellers:
        assert teller.stdin is not None
        teller.stdin.write("\n")
        teller.stdin.close()
    assert [teller.wait(120) for teller in tellers] == [0] * 4
    (case,) = all_cases(store)
    assert (case.count, len(case.occurrences)) == (40, 40)
    assert chat.titles == ["[P0] milk"]
    assert len(case.deliveries) == 1

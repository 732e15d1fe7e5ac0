"""The classes of step failures, each with its severity, whether a retry can help, and who has to act.

They are the same on every orchestrator; `docs/explanation/failures.md` explains them for the person on call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class FailureClass(StrEnum):
    """Why a step failed."""

    BAD_DATA = "bad_data"
    BAD_CONFIGURATION = "bad_configuration"
    MISSING_INPUT = "missing_input"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    KILLED = "killed"
    CODE_BUG = "code_bug"
    GATE_NOT_PASSED = "gate_not_passed"
    REJECTED = "rejected"
    UPSTREAM_FAILED = "upstream_failed"
    ORCHESTRATOR = "orchestrator"
    SWITCHED_OFF = "switched_off"
    LATE = "late"
    UNCLASSIFIED = "unclassified"


class Severity(StrEnum):
    """The severity, which decides the channels: P0 pages, P1 goes to chat and on-call, P2 to chat, P3 to the log."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Handling:
    """The handling of a class of failures.

    `retry` says whether another attempt can help. `severity` is that of the alert after the last attempt (None: no
    alert, because the cause has been reported). `responder` is who has to act, `meaning` a description in one sentence.
    """

    retry: bool
    severity: Severity | None
    responder: str
    meaning: str


HANDLING: Mapping[FailureClass, Handling] = {
    FailureClass.BAD_DATA: Handling(
        retry=False, severity=Severity.P1, responder="the owner of the source", meaning="Data breaks its contract."
    ),
    FailureClass.BAD_CONFIGURATION: Handling(
        retry=False,
        severity=Severity.P0,
        responder="the owner of the pipeline",
        meaning="A setting, path or right is wrong.",
    ),
    FailureClass.MISSING_INPUT: Handling(
        retry=False, severity=Severity.P1, responder="the owner of the source", meaning="An input is absent or too old."
    ),
    FailureClass.TRANSIENT: Handling(
        retry=True, severity=Severity.P0, responder="on-call", meaning="A network error, a lock or a rate limit."
    ),
    FailureClass.TIMEOUT: Handling(
        retry=True, severity=Severity.P0, responder="on-call", meaning="The step took longer than its time-out."
    ),
    FailureClass.KILLED: Handling(
        retry=True, severity=Severity.P0, responder="on-call", meaning="The process was killed, or was out of memory."
    ),
    FailureClass.CODE_BUG: Handling(
        retry=False,
        severity=Severity.P0,
        responder="the owner of the pipeline",
        meaning="The step's own code is wrong.",
    ),
    FailureClass.GATE_NOT_PASSED: Handling(
        retry=False,
        severity=Severity.P2,
        responder="the owner of the model",
        meaning="A model was not good enough; no failure.",
    ),
    FailureClass.REJECTED: Handling(
        retry=False,
        severity=Severity.P2,
        responder="the owner of the pipeline",
        meaning="A person did not approve the step.",
    ),
    FailureClass.UPSTREAM_FAILED: Handling(
        retry=False, severity=None, responder="nobody", meaning="An upstream step failed; its own alert is sent."
    ),
    FailureClass.ORCHESTRATOR: Handling(
        retry=True, severity=Severity.P0, responder="the platform team", meaning="The orchestrator itself failed."
    ),
    FailureClass.SWITCHED_OFF: Handling(
        retry=False, severity=None, responder="nobody", meaning="The step failed in several runs and is switched off."
    ),
    FailureClass.LATE: Handling(
        retry=False,
        severity=Severity.P1,
        responder="on-call",
        meaning="A run misses its deadline, or an output is too old.",
    ),
    FailureClass.UNCLASSIFIED: Handling(
        retry=True,
        severity=Severity.P0,
        responder="the owner of the pipeline",
        meaning="An unknown error: declare its class.",
    ),
}

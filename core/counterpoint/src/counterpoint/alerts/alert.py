"""An alert: the problem, its severity, its cause, and the command that reruns only the failed part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from counterpoint.model import PRODUCTION, FailureClass, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    `title` is one line, `detail` holds further facts, `where` is a place as `file:line in function`, and `command` is
    the exact command that reruns only the failed part. `error` is the type of the error, or another word that
    distinguishes its cause from others of the same step.
    """

    severity: Severity
    failure: FailureClass
    pipeline: str
    title: str
    detail: str = ""
    step: str | None = None
    partition: str | None = None
    run_id: str | None = None
    version: str = PRODUCTION
    orchestrator: str = "local"
    error: str | None = None
    where: str | None = None
    command: str | None = None

    @property
    def id(self) -> str:
        """12 hexadecimal digits that identify the cause, without dates and messages, which differ each time."""
        cause = (self.severity, self.failure, self.pipeline, self.step, self.error, self.where)
        return hashlib.sha256(json.dumps(cause).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        severity, failure = Severity(values["severity"]), FailureClass(values["failure"])
        return cls(**{**values, "severity": severity, "failure": failure})

"""Describing an error once, where it happened, so that every orchestrator reports the same."""

from __future__ import annotations

import builtins
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import counterpoint
from counterpoint import errors
from counterpoint.errors import ChildStepError, StepKilledError, StepTimeoutError
from counterpoint.model import HANDLING, ErrorInfo, FailureClass, causes, classify, unset_variable
from counterpoint.redaction import checked, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = str(Path(counterpoint.__file__).parent)
_LONGEST = 4000
_KILLED = re.compile(
    r"SIGKILL|signal 9\b|(?:code|exit_code|status)[:= ]+-?(?:9|137)\b|was killed|out of memory", re.IGNORECASE
)


def describe(error: BaseException, own: Mapping[str, str] | None = None) -> ErrorInfo:
    """The type, message, place and class of an error; the place is the innermost frame of the user's own code.

    Args:
        error: The error.
        own: The failure classes that the pipeline gives to its own exceptions, see `classify`.
    """
    if isinstance(error, ChildStepError):
        return error.info
    failure = classify(error, own)
    return ErrorInfo(
        type(error).__name__, _message(error), _where(error), HANDLING[failure].retry, failure.value, _cause(error)
    )


def named(kind: str, message: str, where: str | None = None) -> ErrorInfo:
    """An error that an orchestrator reports only by type name and message; unknown types count as its own failure."""
    failure = _by_name(kind) or (FailureClass.KILLED if _KILLED.search(message) else FailureClass.ORCHESTRATOR)
    return ErrorInfo(kind, _shortened(redacted(message)), where, HANDLING[failure].retry, failure.value)


def _by_name(kind: str) -> FailureClass | None:
    """The failure class of a Counterpoint error or a Python builtin, by its type name; None for others."""
    name = kind.rpartition(".")[2]
    error_type = getattr(errors, name, None) or getattr(builtins, name, None)
    if not isinstance(error_type, type) or not issubclass(error_type, Exception):
        return None
    return classify(error_type.__new__(error_type))


def _message(error: BaseException) -> str:
    if name := unset_variable(error):
        return f"the environment variable {name} is not set: set {name} in the environment of the step's worker"
    return _shortened(checked(error) or redacted(str(error)))


def _shortened(message: str) -> str:
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}… ({len(message) - _LONGEST} characters more)"
    return message


def _cause(error: BaseException) -> Mapping[str, Any] | None:
    """The innermost error of a chain; None if the error has no cause."""
    innermost = list(causes(error))[-1]
    if innermost is error:
        return None
    return {"type": type(innermost).__name__, "message": _message(innermost), "where": _where(innermost)}


def _where(error: BaseException) -> str | None:
    if isinstance(error, StepTimeoutError):
        return innermost(error.stack)
    if isinstance(error, StepKilledError):  # the waiting process raised it, not the step
        return None
    frames = traceback.extract_tb(error.__traceback__)
    return innermost([f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames])


def innermost(frames: list[str] | tuple[str, ...]) -> str | None:
    """The last frame (`file:line in function`) in the user's own code, else the last of all."""
    user_frames = [frame for frame in frames if not frame.startswith(_OWN) and not _is_library(frame)]
    return next(reversed(user_frames or list(frames)), None)


def _is_library(frame: str) -> bool:
    return "site-packages" in frame or frame.startswith("<") or f"{Path(traceback.__file__).parent}/" in frame

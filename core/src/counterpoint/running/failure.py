"""Describing an error once, where it happened, so that every orchestrator can tell the same."""

from __future__ import annotations

import traceback
from pathlib import Path

import counterpoint
from counterpoint.errors import ChildStepError, is_retryable
from counterpoint.model import ErrorInfo

_OWN = str(Path(counterpoint.__file__).parent)
_LONGEST = 4000


def describe(error: BaseException) -> ErrorInfo:
    """The type, message and place of an error; the place is the innermost frame of the user's own code."""
    if isinstance(error, ChildStepError):
        return error.info
    message = str(error)
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}… ({len(message) - _LONGEST} characters more)"
    return ErrorInfo(type(error).__name__, message, _where(error), is_retryable(error))


def _where(error: BaseException) -> str | None:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return None
    theirs = [f for f in frames if not f.filename.startswith(_OWN) and not _is_library(f.filename)]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}:{frame.lineno} in {frame.name}"


def _is_library(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith("<") or f"{Path(traceback.__file__).parent}/" in filename

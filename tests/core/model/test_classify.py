"""Which class a failure is of, by its exception."""

from __future__ import annotations

import errno
import json
import sqlite3
import urllib.error
from email.message import Message

import pytest

from counterpoint.errors import (
    ContractError,
    DefinitionError,
    MissingInputError,
    RejectedError,
    ServiceError,
    SourceError,
    StaleInputError,
    StepKilledError,
    StepTimeoutError,
    StorageError,
    SwitchedOffError,
    TransientError,
    UsageError,
)
from counterpoint.model import HANDLING, FailureClass, Pipeline, classify, is_retryable, step

OF_OUR_OWN = {
    ContractError("no"): "bad_data",
    UsageError("no"): "bad_configuration",
    DefinitionError("no"): "bad_configuration",
    MissingInputError("no"): "missing_input",
    StaleInputError("no"): "missing_input",
    SourceError("no"): "missing_input",
    StorageError("no"): "transient",
    TransientError("no"): "transient",
    StepTimeoutError("no"): "timeout",
    StepKilledError("no"): "killed",
    ServiceError("no"): "orchestrator",
    RejectedError("no"): "rejected",
    SwitchedOffError("no"): "switched_off",
}
OF_PYTHON = {
    NameError("x"): "code_bug",
    KeyError("x"): "code_bug",
    ZeroDivisionError(): "code_bug",
    ValueError("x"): "code_bug",
    ImportError("x"): "code_bug",
    MemoryError(): "killed",
    FileNotFoundError(2, "x"): "missing_input",
    PermissionError(13, "x"): "bad_configuration",
    ConnectionResetError(104, "x"): "transient",
    TimeoutError("x"): "transient",
    BlockingIOError(errno.EAGAIN, "x"): "transient",
    OSError(errno.ENOSPC, "full"): "bad_configuration",
    OSError("who knows"): "transient",
    sqlite3.OperationalError("database is locked"): "transient",
    sqlite3.OperationalError("no such table: x"): "code_bug",
    urllib.error.URLError("no route"): "transient",
    urllib.error.HTTPError("http://x", 503, "busy", Message(), None): "transient",
    urllib.error.HTTPError("http://x", 403, "no", Message(), None): "bad_configuration",
    json.JSONDecodeError("x", "y", 0): "bad_data",
    RuntimeError("x"): "unclassified",
}


class QuotaError(Exception):
    """One of a user's own."""


class MarkedError(Exception):
    """One that says its class itself."""

    failure = "bad_data"


@pytest.mark.parametrize(("error", "failure"), [*OF_OUR_OWN.items(), *OF_PYTHON.items()], ids=repr)
def test_an_exception_is_of_a_class(error: Exception, failure: str) -> None:
    assert classify(error) == failure
    assert is_retryable(error) is HANDLING[FailureClass(failure)].retry


def test_every_class_is_handled() -> None:
    assert set(HANDLING) == set(FailureClass)
    retried = {failure.value for failure, handling in HANDLING.items() if handling.retry}
    assert retried == {"transient", "timeout", "killed", "orchestrator", "unclassified"}


def test_users_add_their_own() -> None:
    own = {f"{__name__}:QuotaError": "transient", "builtins:KeyError": "bad_data", "no.such.module:Error": "killed"}
    assert classify(MarkedError()) == "bad_data"
    assert (classify(QuotaError()), classify(QuotaError(), own)) == ("unclassified", "transient")
    assert (classify(KeyError()), classify(KeyError(), own)) == ("code_bug", "bad_data")


def raised_from(cause: Exception | None) -> QuotaError:
    found = QuotaError()
    found.__cause__, found.__suppress_context__ = cause, True
    found.__context__ = ConnectionRefusedError(111, "refused")
    return found


def test_the_unknown_counts_as_what_it_was_raised_from() -> None:
    assert classify(raised_from(ConnectionRefusedError(111, "refused"))) == "transient"
    assert classify(raised_from(None)) == "unclassified"


@pytest.mark.parametrize(
    ("failures", "said"), [({"a:B": "nothing"}, "cannot be of class 'nothing'"), ({"B": "transient"}, "'module:Class'")]
)
def test_a_class_that_is_none_is_refused(failures: dict[str, str], said: str) -> None:
    steps = (step("streamrec.source:source_digest", name="a", inputs={}),)
    with pytest.raises(DefinitionError, match=said):
        Pipeline("p", steps, config={"source": "", "partition": ""}, failures=failures)

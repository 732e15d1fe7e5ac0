"""Which class a failure is of, by its exception alone; nothing is imported to know other packages' exceptions."""

from __future__ import annotations

import errno
import os
import sqlite3
from importlib import import_module
from typing import TYPE_CHECKING, Any

from counterpoint.model.failures import HANDLING, FailureClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLASSES = {member.value for member in FailureClass}
_BUILT_IN: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], FailureClass], ...] = (
    (MemoryError, FailureClass.KILLED),
    ((FileNotFoundError, NotADirectoryError, IsADirectoryError), FailureClass.MISSING_INPUT),
    (PermissionError, FailureClass.BAD_CONFIGURATION),
    (UnicodeError, FailureClass.BAD_DATA),
    (
        (NameError, AttributeError, TypeError, ImportError, SyntaxError, AssertionError, LookupError, ArithmeticError),
        FailureClass.CODE_BUG,
    ),
    ((NotImplementedError, RecursionError, ValueError), FailureClass.CODE_BUG),
)
# exceptions of packages that pipelines meet, by where their class stands
_BY_NAME = {
    "json.decoder.JSONDecodeError": FailureClass.BAD_DATA,
    "pandera.errors.SchemaError": FailureClass.BAD_DATA,
    "pandera.errors.SchemaErrors": FailureClass.BAD_DATA,
    "polars.exceptions.NoDataError": FailureClass.BAD_DATA,
    "airflow.sdk.exceptions.AirflowRuntimeError": FailureClass.ORCHESTRATOR,
    "http.client.HTTPException": FailureClass.TRANSIENT,
    "httpx.TransportError": FailureClass.TRANSIENT,
    "urllib3.exceptions.HTTPError": FailureClass.TRANSIENT,
    "aiohttp.client_exceptions.ClientConnectionError": FailureClass.TRANSIENT,
    "botocore.exceptions.ConnectionError": FailureClass.TRANSIENT,
    "botocore.exceptions.HTTPClientError": FailureClass.TRANSIENT,
    "sqlalchemy.exc.OperationalError": FailureClass.TRANSIENT,
    "psycopg2.OperationalError": FailureClass.TRANSIENT,
    "psycopg.OperationalError": FailureClass.TRANSIENT,
    "deltalake.exceptions.CommitFailedError": FailureClass.TRANSIENT,
    "_internal.CommitFailedError": FailureClass.TRANSIENT,
}
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_STATUS = 400
# errno values of an OSError that no other attempt heals: no room, read-only, too large
_LASTING = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.EINVAL})


def classify(error: BaseException, own: Mapping[str, str] | None = None) -> FailureClass:
    """The class of an error.

    `own` maps exception classes as `module:Class` to classes, before everything else; an exception may also have an
    attribute `failure`. What is unknown counts as the error that it was raised from.
    """
    for one in causes(error):
        unset = FailureClass.BAD_CONFIGURATION if unset_variable(one) else None
        found = _declared(one, own or {}) or _told(one) or unset or _by_status(one) or _by_kind(one)
        if found:
            return found
    return FailureClass.UNCLASSIFIED


def unset_variable(error: BaseException) -> str | None:
    """The environment variable whose absence an error tells of; None for any other error."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    looked_up = frame is not None and frame.tb_frame.f_code is type(os.environ).__getitem__.__code__
    return str(error.args[0]) if isinstance(error, KeyError) and looked_up and error.args else None


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt can help."""
    return HANDLING[classify(error)].retry


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was raised from, the innermost last; each once."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def declared(references: Mapping[str, str]) -> dict[type[BaseException], FailureClass]:
    """The exception classes that references as `module:Class` stand for; those of modules not imported are left out."""
    found = {}
    for reference, failure in references.items():
        module, _, name = reference.partition(":")
        try:
            kind: Any = getattr(import_module(module), name, None)
        except ImportError:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseException):
            found[kind] = FailureClass(failure)
    return found


def _declared(error: BaseException, own: Mapping[str, str]) -> FailureClass | None:
    known = declared(own)
    return next((known[kind] for kind in type(error).__mro__ if kind in known), None)


def _told(error: BaseException) -> FailureClass | None:
    told = getattr(error, "failure", None)
    return FailureClass(told) if isinstance(told, str) and told in _CLASSES else None


def _by_status(error: BaseException) -> FailureClass | None:
    """By the status that a server answered with."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore's
        answer = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    status = getattr(answer, "status_code", answer if isinstance(answer, int) else getattr(error, "code", None))
    if not isinstance(status, int) or status < _FIRST_STATUS:
        return None
    return FailureClass.TRANSIENT if status in _TRANSIENT_STATUS else FailureClass.BAD_CONFIGURATION


def _by_kind(error: BaseException) -> FailureClass | None:
    for kind in type(error).__mro__:
        if found := _BY_NAME.get(f"{kind.__module__}.{kind.__name__}"):
            return found
    for kinds, found in _BUILT_IN:
        if isinstance(error, kinds):
            return found
    if isinstance(error, sqlite3.OperationalError):
        busy = any(word in str(error) for word in ("locked", "busy"))
        return FailureClass.TRANSIENT if busy else FailureClass.CODE_BUG
    if isinstance(error, OSError):
        return FailureClass.BAD_CONFIGURATION if error.errno in _LASTING else FailureClass.TRANSIENT
    return None

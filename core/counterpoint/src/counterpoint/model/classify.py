"""The class of a failure, by its exception; other packages' exceptions are known by name, without an import."""

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
# exceptions of other packages, by the full name of their class
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
# errno values of an OSError that a retry does not fix: no space, read-only, too large
_LASTING = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.EINVAL})


def classify(error: BaseException, own: Mapping[str, str] | None = None) -> FailureClass:
    """The class of an error.

    Args:
        error: The error. It may have an attribute `failure`; an error of unknown class has the class of its cause.
        own: The pipeline's failure classes by exception (`module:Class`), which take precedence.
    """
    for cause in causes(error):
        unset = FailureClass.BAD_CONFIGURATION if unset_variable(cause) else None
        failure = _declared(cause, own or {}) or _by_attribute(cause) or unset or _by_status(cause) or _by_kind(cause)
        if failure:
            return failure
    return FailureClass.UNCLASSIFIED


def unset_variable(error: BaseException) -> str | None:
    """The environment variable whose absence caused an error; None for any other error."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    is_lookup = frame is not None and frame.tb_frame.f_code is type(os.environ).__getitem__.__code__
    return str(error.args[0]) if isinstance(error, KeyError) and is_lookup and error.args else None


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt can help."""
    return HANDLING[classify(error)].retry


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes, the innermost last; each once."""
    visited: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in visited:
        visited.append(current)
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def declared(references: Mapping[str, str]) -> dict[type[BaseException], FailureClass]:
    """The exception classes of references as `module:Class`; those in modules that are not imported are left out."""
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


def _by_attribute(error: BaseException) -> FailureClass | None:
    value = getattr(error, "failure", None)
    return FailureClass(value) if isinstance(value, str) and value in _CLASSES else None


def _by_status(error: BaseException) -> FailureClass | None:
    """The class by the status of a server's answer."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore's
        answer = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    status = getattr(answer, "status_code", answer if isinstance(answer, int) else getattr(error, "code", None))
    if not isinstance(status, int) or status < _FIRST_STATUS:
        return None
    return FailureClass.TRANSIENT if status in _TRANSIENT_STATUS else FailureClass.BAD_CONFIGURATION


def _by_kind(error: BaseException) -> FailureClass | None:
    for kind in type(error).__mro__:
        if failure := _BY_NAME.get(f"{kind.__module__}.{kind.__name__}"):
            return failure
    for kinds, failure in _BUILT_IN:
        if isinstance(error, kinds):
            return failure
    if isinstance(error, sqlite3.OperationalError):
        busy = any(word in str(error) for word in ("locked", "busy"))
        return FailureClass.TRANSIENT if busy else FailureClass.CODE_BUG
    if isinstance(error, OSError):
        return FailureClass.BAD_CONFIGURATION if error.errno in _LASTING else FailureClass.TRANSIENT
    return None

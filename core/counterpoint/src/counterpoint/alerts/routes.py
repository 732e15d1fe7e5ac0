"""The routes of alerts: a TOML file named by COUNTERPOINT_ALERTS; without it alerts only go to the log.

A table of the file is named behind `#`, as in `counterpoint.toml#env.prod.alerts`.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTES = "COUNTERPOINT_ALERTS"
_TABLES = {"routes": tuple(Severity), "throttle": ("hours",), "escalation": ("minutes", "to")}
_MOST = 100_000
_NAME = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Routes:
    """URLs by the names of the routes, such as `P0[0]` or `to[1]`; only names are stored, logged or shown.

    `throttle` is the time between two messages of a cause, `patience` the time for an acknowledgement.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    throttle: timedelta = timedelta(hours=2)
    patience: timedelta = timedelta(minutes=30)

    def of(self, severity: Severity) -> tuple[str, ...]:
        """The names of the routes of a severity."""
        return self._named(severity.value)

    @property
    def escalation(self) -> tuple[str, ...]:
        """The names of the routes for escalations."""
        return self._named("to")

    def _named(self, group: str) -> tuple[str, ...]:
        return tuple(name for name in self.urls if name.startswith(f"{group}["))


def load_routes() -> Routes:
    """The routes of the file that the environment names.

    Raises:
        UsageError: the file is missing, is no TOML, or holds an unknown or wrong entry.
    """
    name = os.environ.get(ROUTES)
    if not name:
        return Routes()
    try:
        return _parsed(_document(name))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, ValueError, UsageError) as error:
        raise UsageError(f"{ROUTES}={name}: {error}; docs/how-to/alerts.md shows such a file") from None


def _document(name: str) -> Mapping[str, Any]:
    """The document, or the table of it, that is named."""
    path, _, table = (name, "", "") if Path(name).exists() else name.partition("#")
    document: Any = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    for key in filter(None, table.split(".")):
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, dict):
        raise UsageError(f"there is no table [{table}]")
    return document


def _parsed(document: Mapping[str, Any]) -> Routes:
    for table, entries in document.items():
        known = _TABLES.get(table)
        if known is None or not isinstance(entries, dict):
            raise UsageError(f"[{table}] is not known; there are {', '.join(_TABLES)}")
        strange = sorted(set(entries) - set(known))
        if strange:
            raise UsageError(f"[{table}] has {strange[0]!r}, but knows only {', '.join(known)}")
    routes, escalation = document.get("routes", {}), document.get("escalation", {})
    groups = {**routes, "to": escalation.get("to", [])}
    urls = {name: url for group, given in groups.items() for name, url in _urls(group, given)}
    hours = _number("throttle.hours", document.get("throttle", {}).get("hours", 2))
    minutes = _number("escalation.minutes", escalation.get("minutes", 30))
    return Routes(urls, timedelta(hours=hours), timedelta(minutes=minutes))


def _urls(group: str, given: Any) -> list[tuple[str, str]]:
    if not isinstance(given, list) or not all(isinstance(url, str) and "://" in url for url in given):
        raise UsageError(f"{group} is no list of URLs")
    return [(f"{group}[{number}]", _expanded(f"{group}[{number}]", url)) for number, url in enumerate(given)]


def _expanded(name: str, url: str) -> str:
    missing = [variable for variable in _NAME.findall(url) if variable not in os.environ]
    if missing:
        raise UsageError(f"{name} takes ${{{missing[0]}}} from the environment, where it is not set")
    return _NAME.sub(lambda match: os.environ[match[1]], url)


def _number(name: str, given: Any) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= _MOST:
        raise UsageError(f"{name} is no number from 0 to {_MOST}")
    return given

"""A legacy DAG, controlled by the REST API of its Airflow 3: read, pause and resume its schedule."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.errors import UsageError
from counterpoint.http import address_of, ask, bearer
from counterpoint.model.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = ("token", "user", "password")
_KEYS = ("url", "dag_id", *_SECRETS)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMIT = 100
# the timetable of a DAG with schedule=None
_UNSCHEDULED = (None, "None")


@dataclass(frozen=True, slots=True)
class LegacyDag:
    """A DAG of an Airflow server; `token`, `user` and `password` are names of environment variables, never values."""

    url: str
    dag_id: str
    token: str = ""
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        """The name in messages."""
        return f"DAG {self.dag_id} at {self.url}"

    @property
    def is_running(self) -> bool:
        """Always true: a team's own Airflow should be running; it is an error if it does not answer."""
        return True

    def scheduled(self) -> bool | None:
        """Whether the DAG is not paused; None if it has no schedule."""
        dag = self._call("")
        return None if dag["timetable_summary"] in _UNSCHEDULED else not dag["is_paused"]

    def schedule(self, *, on: bool) -> None:
        """Resumes or pauses the DAG."""
        self._call("?update_mask=is_paused", {"is_paused": not on}, "PATCH")

    def active_runs(self) -> tuple[str, ...]:
        """The queued and running runs, a hundred at most."""
        answer = self._call(f"/dagRuns?state=queued&state=running&limit={_LIMIT}")
        return tuple(run["dag_run_id"] for run in answer["dag_runs"])

    def to_dict(self) -> dict[str, str]:
        """As JSON values."""
        return asdict(self)

    def _call(self, rest: str, body: Any = None, method: str | None = None) -> Any:
        path = f"{self.url}/api/v2/dags/{quote(self.dag_id, safe='')}{rest}"
        return ask(path, body, method=method, credentials=bearer(self._bearer()))

    def _bearer(self) -> str:
        if self.token:
            return _value(self.token)
        login = {"username": _value(self.user), "password": _value(self.password)} if self.user else None
        return str(ask(f"{self.url}/auth/token", login)["access_token"])


def _value(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"{variable} is not set, which [airflow] of the legacy file names: export it")
    return value


def airflow_of(values: Any, place: str) -> LegacyDag:
    """The DAG of a table [airflow]; `place` is its file.

    Raises:
        UsageError: a key is missing or unknown, or has a value instead of a variable's name.
    """
    place = f"{place}: [airflow]"
    if not isinstance(values, dict) or not all(isinstance(value, str) and value for value in values.values()):
        raise UsageError(f"{place} is a table of texts: write url = 'https://airflow.example' and dag_id = 'name'")
    for word in values:
        if word not in _KEYS:
            raise UsageError(f"{place}: {word} is not known: {suggest(word, _KEYS)}")
    if not values.get("dag_id") or not values.get("url", "").startswith(("http://", "https://")):
        raise UsageError(f"{place}: write url = 'https://airflow.example' (http or https) and dag_id = 'name'")
    url = address_of(values["url"], f"{place}: url", "by token, or user and password, which name variables")
    _refuse_secrets(values, place)
    return LegacyDag(**{**values, "url": url})


def _refuse_secrets(values: Mapping[str, str], place: str) -> None:
    for word in _SECRETS:
        if word in values and not _VARIABLE.fullmatch(values[word]):
            raise UsageError(f"{place}: {word} is the name of an environment variable that holds it, never the value")
    if ("user" in values) != ("password" in values):
        raise UsageError(f"{place}: user and password belong together: name a variable for each")

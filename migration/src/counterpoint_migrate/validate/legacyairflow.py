"""A DAG that is not ours, by the REST API of its Airflow 3: whether it is scheduled; paused, and started again."""

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
_KNOWN = ("url", "dag_id", *_SECRETS)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMIT = 100
# of a DAG with schedule=None
_UNSCHEDULED = (None, "None")


@dataclass(frozen=True, slots=True)
class LegacyDag:
    """Where a DAG runs; `token`, `user` and `password` name environment variables, and never hold a value."""

    url: str
    dag_id: str
    token: str = ""
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"DAG {self.dag_id} at {self.url}"

    @property
    def stands(self) -> bool:
        """Always True: a team's own Airflow is believed to run, and one that does not answer is an error."""
        return True

    def scheduled(self) -> bool | None:
        """Whether it is not paused; None when it has no schedule."""
        found = self._call("")
        return None if found["timetable_summary"] in _UNSCHEDULED else not found["is_paused"]

    def schedule(self, *, on: bool) -> None:
        """Pauses it, or ends that."""
        self._call("?update_mask=is_paused", {"is_paused": not on}, "PATCH")

    def active_runs(self) -> tuple[str, ...]:
        """Its runs that wait to begin, or run, a hundred at most."""
        found = self._call(f"/dagRuns?state=queued&state=running&limit={_LIMIT}")
        return tuple(run["dag_run_id"] for run in found["dag_runs"])

    def to_dict(self) -> dict[str, str]:
        """As JSON values."""
        return asdict(self)

    def _call(self, rest: str, body: Any = None, method: str | None = None) -> Any:
        path = f"{self.url}/api/v2/dags/{quote(self.dag_id, safe='')}{rest}"
        return ask(path, body, method=method, credentials=bearer(self._bearer()))

    def _bearer(self) -> str:
        if self.token:
            return _value(self.token)
        given = {"username": _value(self.user), "password": _value(self.password)} if self.user else None
        return str(ask(f"{self.url}/auth/token", given)["access_token"])


def _value(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        raise UsageError(f"{variable} is not set, which [airflow] of the legacy file names: export it")
    return found


def airflow_of(values: Any, place: str) -> LegacyDag:
    """What a table [airflow] says; `place` is its file.

    Raises:
        UsageError: something is missing, is not known, or is a value where a variable's name belongs.
    """
    place = f"{place}: [airflow]"
    if not isinstance(values, dict) or not all(isinstance(value, str) and value for value in values.values()):
        raise UsageError(f"{place} is a table of texts: write url = 'https://airflow.example' and dag_id = 'name'")
    for word in values:
        if word not in _KNOWN:
            raise UsageError(f"{place}: {word} is not known: {suggest(word, _KNOWN)}")
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

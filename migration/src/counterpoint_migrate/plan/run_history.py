"""When DAGs ran last and how long their runs take, by the REST API of their Airflow (2 or 3); nothing is changed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.errors import ServiceError, UsageError
from counterpoint.http import address_of, ask, basic, bearer
from counterpoint_migrate.plan.plans import RunHistory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PAGE = 100
_RUNS = 20  # of each DAG, the newest
_ABSENT = 404
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class AirflowAccess:
    """Where an Airflow answers; `token`, `user` and `password` name environment variables, and never hold a value."""

    url: str
    token: str | None = None
    user: str | None = None
    password: str | None = None

    def check(self) -> None:
        """Refuses what is no address, or no names of variables that belong together.

        Raises:
            UsageError: names the option.
        """
        address_of(self.url, "--url", "by --token, or --user and --password, which name variables")
        for option in ("token", "user", "password"):
            name = getattr(self, option)
            if name is not None and not _VARIABLE.fullmatch(name):
                raise UsageError(f"--{option} is the name of an environment variable that holds it, never the value")
        if (self.user is None) != (self.password is None):
            raise UsageError("--user and --password belong together: name a variable for each")


def read_history(access: AirflowAccess) -> dict[str, RunHistory]:
    """When each DAG of an Airflow ran last, by id.

    Raises:
        UsageError: the address or a name of a variable is none, or a variable is not set.
        ServiceError: it does not answer, or refuses.
    """
    access.check()
    api, headers = _entrance(access)
    histories = ((dag, _history(api, headers, dag)) for dag in _dags(api, headers))
    return {dag: history for dag, history in histories if history is not None}


def _entrance(access: AirflowAccess) -> tuple[str, dict[str, str]]:
    """The address of the API, and the headers that let us in."""
    url = access.url.rstrip("/")
    try:
        ask(f"{url}/api/v2/version")
    except ServiceError as error:
        if error.status != _ABSENT:
            raise
        return f"{url}/api/v1", _headers_of_2(access)
    if access.token is not None:
        return f"{url}/api/v2", bearer(_value(access.token))
    given = None
    if access.user is not None and access.password is not None:
        given = {"username": _value(access.user), "password": _value(access.password)}
    return f"{url}/api/v2", bearer(str(ask(f"{url}/auth/token", given)["access_token"]))


def _headers_of_2(access: AirflowAccess) -> dict[str, str]:
    if access.token is not None:
        return bearer(_value(access.token))
    if access.user is not None and access.password is not None:
        return basic(_value(access.user), _value(access.password))
    return {}


def _value(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"{variable} is not set, which an option names: export it")
    return value


def _dags(api: str, headers: Mapping[str, str]) -> Iterator[str]:
    offset = 0
    while True:
        page = ask(f"{api}/dags?limit={_PAGE}&offset={offset}", credentials=headers)["dags"]
        yield from (dag["dag_id"] for dag in page)
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _history(api: str, headers: Mapping[str, str], dag: str) -> RunHistory | None:
    """The history of a DAG; None where Airflow lists it, but does not know its runs."""
    address = f"{api}/dags/{quote(dag, safe='')}/dagRuns?order_by=-start_date&limit={_RUNS}"
    try:
        runs = ask(address, credentials=headers)["dag_runs"]
    except ServiceError as error:
        if error.status == _ABSENT:
            return None
        raise
    begins = [datetime.fromisoformat(run["start_date"]) for run in runs if run.get("start_date")]
    took = [seconds for run in runs if (seconds := _seconds(run)) is not None]
    return RunHistory(max(begins).isoformat() if begins else None, round(median(took), 3) if took else None)


def _seconds(run: Mapping[str, Any]) -> float | None:
    """How long a run took that succeeded."""
    if run.get("state") != "success" or not run.get("start_date") or not run.get("end_date"):
        return None
    begin, end = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - begin).total_seconds()

"""What Airflow's API is asked for again: changes that may be made twice, while its database is locked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.airflow

from counterpoint import http
from counterpoint.adapter import find_adapter
from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.services import new_target
from counterpoint_airflow import client

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.adapter import ServiceEnvironment

TOKEN = {"access_token": "t"}
LOCKED = UnansweredError("database is locked", 500)


@pytest.fixture
def target(tmp_path: Path) -> ServiceEnvironment:
    target = new_target(find_adapter("airflow"), str(tmp_path), ("counterpoint.testing.scenarios:linear",))
    return replace(target, secret=tmp_path.name)  # tokens are kept by password


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the server will answer; nothing is waited for."""
    answers: list[Any] = []

    def ask(url: str, body: Any, method: str | None, *_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return (url.partition("/api/v2")[2], body, method) if answer is None else answer

    monkeypatch.setattr(http, "_request", ask)
    return answers


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(http.time, "sleep", found.append)
    return found


def test_a_change_is_asked_for_again_while_the_database_is_locked(
    target: ServiceEnvironment, told: list[Any], pauses: list[float]
) -> None:
    told[:] = [UnansweredError("away"), TOKEN, LOCKED, UnansweredError("away"), UnansweredError("busy", 503), None]
    client.change(target, "/dags/d", {"is_paused": True})
    assert told == []
    assert pauses == [1.0, 1.0, 5.0, 10.0]


def test_what_stays_locked_is_an_error_and_a_refusal_is_one_at_once(
    target: ServiceEnvironment, told: list[Any], pauses: list[float]
) -> None:
    told[:] = [TOKEN, *[LOCKED] * 4, None]
    with pytest.raises(UnansweredError, match="locked"):
        client.change(target, "/dags/d", {})
    assert told == [None]
    assert pauses == [1.0, 5.0, 10.0]
    told[:] = [ServiceError("no such DAG", 404), None]
    with pytest.raises(ServiceError, match="no such"):
        client.change(target, "/dags/d", {})
    assert told == [None]


def test_what_may_not_be_done_twice_is_asked_for_once(
    target: ServiceEnvironment, told: list[Any], pauses: list[float]
) -> None:
    told[:] = [TOKEN, None, LOCKED, None]
    assert client.call(target, "/dags/d", {}, method="PATCH") == ("/dags/d", {}, "PATCH")
    with pytest.raises(UnansweredError):
        client.call(target, "/dags/d", {}, method="PATCH")
    assert (told, pauses) == ([None], [])

"""A server that is too old, or none of this orchestrator, is one error that names it and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter
from counterpoint.errors import ServiceError
from counterpoint.services.reaching import reach

if TYPE_CHECKING:
    from integration.conftest import Answering

pytestmark = pytest.mark.airflow
SENT = "token-that-nobody-reads-771"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/api/v1/version": {"version": "2.10.5"}}, "has no REST API v2: it is no Airflow, or one before 3.0"),
        ({"/api/v2/version": {"version": "2.11.0"}}, "is Airflow 2.11.0: upgrade it to 3.0 or later"),
        ({"/api/v2/version": ["no version"]}, "has no REST API v2"),
    ],
)
def test_a_server_that_is_not_airflow_3(answers: dict[str, Any], said: str, answering: Answering) -> None:
    with answering("airflow", SENT, answers) as (target, entered), pytest.raises(ServiceError) as refused:
        reach(find_adapter("airflow"), target)
    assert said in str(refused.value)
    assert str(refused.value).startswith("[target.team] of counterpoint.toml: url: http://127.0.0.1:")
    assert SENT not in str(refused.value)
    assert set(entered) == {f"Bearer {SENT}"}

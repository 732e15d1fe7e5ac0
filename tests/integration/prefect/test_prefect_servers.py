"""A server that is too old, or none of this orchestrator, is one error that names it and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter
from counterpoint.errors import ServiceError
from counterpoint.services.reaching import reach

if TYPE_CHECKING:
    from integration.conftest import Answering

pytestmark = pytest.mark.prefect
SENT = "token-that-nobody-reads-771"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/api/admin/version": "2.20.1", "/api/deployments/filter": []}, "is Prefect 2.20.1: upgrade it to 3.0"),
        ({}, "has no API of Prefect 3: it is no Prefect, or url lacks its path"),
    ],
)
def test_a_server_that_is_not_prefect_3(answers: dict[str, Any], said: str, answering: Answering) -> None:
    with answering("prefect", SENT, answers) as (target, entered), pytest.raises(ServiceError) as refused:
        reach(find_adapter("prefect"), target)
    assert said in str(refused.value)
    assert str(refused.value).startswith("[target.team] of counterpoint.toml: url: http://127.0.0.1:")
    assert SENT not in str(refused.value)
    assert set(entered) == {f"Bearer {SENT}"}


def test_a_server_without_a_number_is_a_hosted_one(answering: Answering) -> None:
    with answering("prefect", SENT, {"/api/deployments/filter": []}) as (target, _):
        assert reach(find_adapter("prefect"), target) == "cloud"

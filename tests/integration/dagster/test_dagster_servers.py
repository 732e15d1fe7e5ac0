"""A server that is too old, or none of this orchestrator, is one error that names it and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import find_adapter
from counterpoint.errors import ServiceError
from counterpoint.services.reaching import reach

if TYPE_CHECKING:
    from integration.conftest import Answering

pytestmark = pytest.mark.dagster
SENT = "token-that-nobody-reads-771"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/graphql": {"data": {}}}, "has no GraphQL API of Dagster: correct the address"),
        ({"/graphql": {"errors": [{"message": "Cannot query field"}]}}, "dagster refused a query: Cannot query field"),
        ({}, "refused: 404"),
    ],
)
def test_a_server_that_is_not_dagster(answers: dict[str, Any], said: str, answering: Answering) -> None:
    with answering("dagster", SENT, answers) as (target, entered), pytest.raises(ServiceError) as refused:
        reach(find_adapter("dagster"), target)
    assert said in str(refused.value)
    assert str(refused.value).startswith("[target.team] of counterpoint.toml: url: ")
    assert SENT not in str(refused.value)
    assert set(entered) == {f"Bearer {SENT}"}

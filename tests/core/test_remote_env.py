"""What another environment is asked: its answer, and what is said where it has none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from counterpoint.adapter import Backfills, limits_of
from counterpoint.errors import ServiceError, UsageError
from counterpoint.remote_env import UnusableError, query, query_adapter


def python(code: str) -> object:
    return query([sys.executable, "-c", code], 60, "it was not asked", lambda code, said: UsageError(f"{code}: {said}"))


def test_an_answer_is_json() -> None:
    assert python("print('[1, null]')") == [1, None]


def test_what_is_lacked_is_named_by_its_distribution() -> None:
    with pytest.raises(ServiceError, match=r"^it was not asked: .* lacks counterpoint-nowhere: install it there, too$"):
        python("import counterpoint_nowhere.room")


def test_a_refusal_is_told_by_its_last_line() -> None:
    with pytest.raises(UsageError, match="^3: no$"):
        python("import sys; print('well', 'no', sep=chr(10), file=sys.stderr); sys.exit(3)")


def test_one_that_cannot_be_started_is_told() -> None:
    with pytest.raises(ServiceError, match="^it was not asked: /no/python: "):
        query(["/no/python"], 60, "it was not asked", lambda *_: UsageError(""))


def test_an_adapter_that_is_not_there_says_how_it_is_installed() -> None:
    with pytest.raises(UnusableError, match="^the adapter of nosuch in .* cannot be asked: ") as caught:
        query_adapter("nosuch", Path(sys.executable), "adapter.has_services")
    assert "pip install counterpoint-nosuch" in caught.value.why
    assert caught.value.place == Path(sys.executable).parent.parent


@pytest.mark.parametrize(
    ("flag", "words"),
    [(Backfills.NONE, "no backfill"), (Backfills.RUNS, "no backfill"), (Backfills.ANY, "backfills of any set")],
)
def test_a_limit_says_what_the_flag_of_its_adapter_says(flag: Backfills, words: str) -> None:
    (limit,) = limits_of("\nbackfill | it has {backfills} | none\n", flag)
    assert (limit.subject, limit.reason, limit.stand_in) == ("backfill", f"it has {words}", "none")

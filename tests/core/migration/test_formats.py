"""Formats of constants in f-strings mean what Python says."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory.formats import formatted

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Inventory

SPECS = st.sampled_from(
    ["", "02d", "03", ">6", "<6", "^8", "*^8", ",", "_", ".2f", ".1%", "x", "#x", "+d", "s", "10", "e"]
)
VALUES = st.one_of(st.integers(-10_000, 10_000), st.floats(-1e6, 1e6), st.sampled_from(["", "abc", "ä"]))


@given(value=VALUES, spec=SPECS, conversion=st.sampled_from(["", "!r", "!s", "!a"]))
@settings(max_examples=300, deadline=None)
def test_a_known_format_is_that_of_python(value: Any, spec: str, conversion: str) -> None:
    text = "f'{x" + conversion + (f":{spec}" if spec else "") + "}'"
    joined = ast.parse(text, mode="eval").body
    assert isinstance(joined, ast.JoinedStr)
    try:
        expected = eval(text, {"x": value})  # noqa: S307 - a text of this test
    except (ValueError, TypeError):
        expected = None
    assert formatted(joined.values[0], value) == expected


def test_ids_with_a_format_are_constants(read: Callable[..., Inventory]) -> None:
    found = read(
        one="""
        from airflow import DAG
        from airflow.operators.empty import EmptyOperator
        for number in range(3):
            with DAG(f"shard_{number:02d}", schedule=None):
                EmptyOperator(task_id=f"{number:>3}{'x':{number}}")
        """
    )
    assert [(dag.id, dag.literal) for dag in found.dags] == [(f"shard_0{number}", True) for number in range(3)]
    assert {task.literal for dag in found.dags for task in dag.tasks} == {False}


def test_a_format_that_would_make_a_long_text_is_not_followed() -> None:
    joined = ast.parse("f'{1:99999d}'", mode="eval").body
    assert isinstance(joined, ast.JoinedStr)
    assert formatted(joined.values[0], 1) is None

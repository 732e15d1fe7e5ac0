"""The chain of bench_overhead.py as one would write it for Prefect alone: a flow that submits its tasks."""

from __future__ import annotations

from typing import Any

from prefect import Flow, flow, task


@task(persist_result=True, result_serializer="json")
def begin(date: str) -> dict[str, Any]:
    """The first task."""
    return {"date": date, "numbers": [1, 2, 3]}


@task(persist_result=True, result_serializer="json")
def grow(given: dict[str, Any]) -> dict[str, Any]:
    """Each other task."""
    return {**given, "numbers": [number + 1 for number in given["numbers"]]}


def make(names: list[str]) -> Flow[..., Any]:
    """The flow; values go from task to task in memory, and are kept as results."""

    @flow
    def by_hand(date: str) -> Any:
        made = begin.with_options(name=names[0]).submit(date)
        for name in names[1:]:
            made = grow.with_options(name=name).submit(made)
        return made.result()

    return by_hand


def run(names: list[str], date: str) -> bool:
    """Runs it for a day; whether that went well."""
    return bool(make(names)(date))

"""What a run needs of earlier partitions: found before anything starts, and only what is not fresh."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import UsageError
from counterpoint.model import RunRequest
from counterpoint.runtime import (
    Freshness,
    LocalRun,
    context_of,
    execute,
    find_pipeline,
    freshness,
    in_waves,
    needed,
    refuse_missing,
)
from counterpoint.services.launch import launch
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Toys

    from counterpoint.model import NativeRun


def lacking(toys: Toys, request: RunRequest) -> dict[str, tuple[str, ...]]:
    store = toys.store(request)
    return needed(store.pipeline, store, request)


def make(toys: Toys, key: str, *steps: str, **more: object) -> None:
    for name in steps:
        execute(toys.request("windows", key, steps=steps, **more), name, {})


def test_windows_of_windows_are_needed_oldest_first(toys: Toys) -> None:
    request = toys.request("windows", "2026-01-04")
    assert lacking(toys, request) == {"2026-01-02": ("source",), "2026-01-03": ("source", "recent")}
    assert list(lacking(toys, request)) == ["2026-01-02", "2026-01-03"]


def test_only_what_the_selected_steps_read_is_needed(toys: Toys) -> None:
    assert lacking(toys, toys.request("windows", "2026-01-04", steps=("source",))) == {}
    only = toys.request("windows", "2026-01-04", steps=("source", "recent"))
    assert lacking(toys, only) == {"2026-01-03": ("source",)}


def test_what_is_fresh_is_not_needed(toys: Toys) -> None:
    make(toys, "2026-01-02", "source")
    assert lacking(toys, toys.request("windows", "2026-01-04")) == {"2026-01-03": ("source", "recent")}
    make(toys, "2026-01-03", "source", "recent")
    assert lacking(toys, toys.request("windows", "2026-01-04")) == {}


def test_what_rests_on_something_stale_is_needed_too(toys: Toys) -> None:
    make(toys, "2026-01-02", "source")
    make(toys, "2026-01-03", "source", "recent")
    make(toys, "2026-01-02", "source", config={"number": 5})
    changed = toys.request("windows", "2026-01-04")
    assert lacking(toys, changed) == {"2026-01-02": ("source",), "2026-01-03": ("recent",)}
    made_anew = toys.request("windows", "2026-01-04", config={"number": 5})
    assert lacking(toys, made_anew) == {"2026-01-03": ("source", "recent")}


def test_freshness(toys: Toys) -> None:
    request = toys.request("windows", "2026-01-03")
    assert freshness(context_of(request, "source")) is Freshness.MISSING
    make(toys, "2026-01-03", "source")
    assert freshness(context_of(request, "source")) is Freshness.FRESH
    other = toys.request("windows", "2026-01-03", config={"number": 9})
    assert freshness(context_of(other, "source")) is Freshness.STALE
    make(toys, "2026-01-02", "source")
    make(toys, "2026-01-03", "recent")
    standing = toys.request("windows", "2026-01-03", steps=())
    assert freshness(context_of(standing, "recent")) is Freshness.FRESH
    make(toys, "2026-01-02", "source", config={"number": 9})
    assert freshness(context_of(standing, "recent")) is Freshness.STALE


def test_the_first_partition_has_no_earlier_ones(toys: Toys) -> None:
    with pytest.raises(UsageError, match="partition 2025-12-31 lies before the pipeline's start 2026-01-01"):
        lacking(toys, toys.request("windows", "2026-01-01"))


def test_a_mapped_step_of_an_earlier_partition_is_needed_once(toys: Toys) -> None:
    request = toys.request("mapping", "2026-01-03")
    found = lacking(toys, request)
    assert found == {"2026-01-02": ("listed", "each", "added")}
    toys.run(toys.request("mapping", "2026-01-02", steps=found["2026-01-02"]))
    assert lacking(toys, request) == {}


def test_a_mapped_step_with_fewer_elements_than_before_is_fresh(toys: Toys) -> None:
    steps = ("listed", "each", "added")
    toys.run(toys.request("mapping", "2026-01-02", steps=steps))
    toys.run(toys.request("mapping", "2026-01-02", steps=steps, config={"items": [2]}, run_id="fewer"))
    assert lacking(toys, toys.request("mapping", "2026-01-03", config={"items": [2]})) == {}
    assert lacking(toys, toys.request("mapping", "2026-01-03")) == {"2026-01-02": steps}


@pytest.mark.parametrize("sides", [["left"], ["right"], ["left", "right"]])
def test_a_step_that_its_branch_did_not_choose_is_not_needed(toys: Toys, sides: list[str]) -> None:
    steps = ("choice", "left", "right", "either")
    for side in sides:
        earlier = toys.request("branches", "2026-01-02", steps=steps, config={"side": side}, run_id=side)
        toys.run(earlier)
    request = toys.request("branches", config={"side": sides[-1]})
    assert lacking(toys, request) == {}
    before = execute(request, "either_before", {})
    made = [sides[-1], None] if sides[-1] == "left" else [None, sides[-1]]
    assert toys.store(request).read(before) == {"2026-01-02": made}


def test_what_is_missing_is_refused_with_the_command_that_makes_it() -> None:
    request = RunRequest("toys:windows", "2026-01-04", "r", "/data", config={"source": "/it's here"})
    refuse_missing({}, request)
    with pytest.raises(UsageError) as refused:
        refuse_missing({"2026-01-02": ("source",), "2026-01-03": ("source", "recent")}, request)
    assert "2026-01-02: source; 2026-01-03: source, recent" in str(refused.value)
    again = ["counterpoint", "run", "toys:windows", "--date", "2026-01-04", "--source", "/it's here", "--root", "/data"]
    assert shlex.join(again) in str(refused.value)


def test_a_window_over_a_window_comes_in_waves() -> None:
    pipeline = find_pipeline("toys:nested")
    both = ("nested_a", "nested_b")
    found = {"2026-01-01": both, "2026-01-02": both}
    assert in_waves(pipeline, found) == [
        {"2026-01-01": both, "2026-01-02": ("nested_a",)},
        {"2026-01-02": ("nested_b",)},
    ]
    assert in_waves(pipeline, {"2026-01-02": ("nested_a",)}) == [{"2026-01-02": ("nested_a",)}]
    assert in_waves(pipeline, {}) == []


class AtOnce:
    """An engine that begins what it is given in any order, as services do: here the newest first."""

    version = "0"

    def run(self, requests: Sequence[RunRequest]) -> list[NativeRun]:
        return [LocalRun(request).run() for request in reversed(requests)][::-1]


def test_the_record_of_a_run_is_written_once_with_what_was_run_before(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    put = Objects.put

    def counted(objects: Objects, path: str, data: bytes) -> None:
        written.extend([path] if path.endswith("/run.json") else [])
        put(objects, path, data)

    monkeypatch.setattr(Objects, "put", counted)
    record = launch(toys.request("nested", "2026-01-03"), AtOnce())
    runs = [record.run_id, *(before["run_id"] for before in record.upstream)]
    assert sorted(written) == sorted(f"runs/nested/{run_id}/run.json" for run_id in runs)
    kept = toys.store(toys.request("nested")).get_json(f"runs/nested/{record.run_id}/run.json")
    assert [before["run_id"] for before in kept["upstream"]] == runs[1:]


def test_earlier_days_are_run_when_what_they_read_is_there(toys: Toys) -> None:
    record = launch(toys.request("nested", "2026-01-03"), AtOnce())
    assert record.status == "success"
    assert [(before["date"], [step["name"] for step in before["steps"]]) for before in record.upstream] == [
        ("2026-01-01", ["nested_a"]),
        ("2026-01-02", ["nested_a"]),
        ("2026-01-02", ["nested_b"]),
    ]

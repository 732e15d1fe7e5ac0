"""The kit finds every property that an adapter drops silently: each adapter here is good but for one thing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.adapter import Adapter, ServiceEnvironment
from counterpoint.model import NativeRun, Status
from counterpoint.services import LocalEngine, ServiceEngine
from counterpoint.testing import (
    SCENARIOS,
    ConformanceError,
    ConformanceSuite,
    LocalAdapter,
    check_behaviour,
    check_round_trip,
)
from counterpoint.testing.conformance import ADDED_BY_ENGINE, judge_run, run_scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint.model import Pipeline, RunRequest

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
Loss = Any


class Dropping(LocalAdapter):
    """Loses something in translation, and does not say so."""

    def __init__(self, lose: Callable[[dict[str, Any]], object]) -> None:
        super().__init__()
        self.lose = lose

    def translate(self, pipeline: Pipeline) -> Any:
        native = super().translate(pipeline)
        self.lose(native)
        return native


def without(step: str, **instead: Any) -> Callable[[dict[str, Any]], object]:
    """Puts other values in place of a step's properties."""

    def lose(native: dict[str, Any]) -> None:
        next(s for s in native["steps"] if s["name"] == step).update(instead)

    return lose


def retry(step: str, **instead: Any) -> Callable[[dict[str, Any]], object]:
    return lambda native: next(s for s in native["steps"] if s["name"] == step)["retry"].update(instead)


def given(reader: str, /, **instead: Any) -> Callable[[dict[str, Any]], object]:
    return lambda native: next(s for s in native["steps"] if s["name"] == reader)["inputs"][0].update(instead)


def whole(**instead: Any) -> Callable[[dict[str, Any]], object]:
    return lambda native: native.update(instead)


# scenario, what is lost, the words of the failure
LOST_IN_TRANSLATION: list[tuple[str, Loss, str]] = [
    ("linear", without("linear_last", after=[]), "step linear_last: after: expected ('linear_slow',), got ()"),
    ("linear", without("linear_total", freshness=None), "step linear_total: freshness"),
    ("linear", without("linear_numbers", description=""), "step linear_numbers: description"),
    ("linear", without("linear_total", settings=[]), "step linear_total: settings"),
    ("linear", without("linear_numbers", provided=[]), "step linear_numbers: provided"),
    ("linear", without("linear_total", function="a:b"), "step linear_total: function"),
    ("linear", lambda native: native["steps"].pop(), "steps: expected"),
    ("linear", whole(schedule=None), "schedule"),
    ("linear", whole(deadline=None), "deadline"),
    ("linear", whole(description=""), "description"),
    ("linear", whole(config={}), "config"),
    ("diamond", whole(partitions={"kind": "date", "start": "2025-01-01"}), "partitions"),
    ("diamond", given("diamond_left", step="diamond_right"), "step diamond_left: inputs"),
    ("fan_out", without("fan_a", pool=None), "step fan_a: pool: expected narrow, got None"),
    ("fan_out", lambda native: native["pools"][0].update(slots=3), "pools"),
    ("condition_false", without("when_small", when=None), "step when_small: when"),
    ("condition_false", lambda n: n["steps"][0]["output"].update(choices=["large", "small", "x"]), "branch: output"),
    ("all_done_trigger", without("done_anyway", trigger_rule="all_success"), "step done_anyway: trigger_rule"),
    ("retry_exhausted", retry("hopeless", retries=0), "step hopeless: retry"),
    ("retry_exhausted", retry("hopeless", jitter=0.0), "step hopeless: retry"),
    ("retry_exhausted", retry("hopeless", max_delay=600.0), "step hopeless: retry"),
    ("timeout", without("endless", timeout=None), "step endless: timeout: expected 0:00:02, got None"),
    ("window", given("window_sums", window={"first": -1, "last": 0}), "step window_sums: inputs"),
    ("window", given("window_sums", partial=None), "step window_sums: inputs"),
    ("mapped", without("map_each", map_over=None), "step map_each: map_over: expected number, got None"),
    ("resources", without("resources_memory", resources=None), "step resources_memory: resources"),
    ("resources", without("resources_threads", image=None), "step resources_threads: image"),
    ("resources", without("resources_variable", env={}), "step resources_variable: env"),
    ("resources", without("resources_variable", owner=None), "step resources_variable: owner"),
    ("resources", without("resources_none", tags={}), "step resources_none: tags"),
    ("resources", whole(owner=None), "owner: expected team:data, got None"),
    ("resources", whole(tags={}), "tags"),
]


@pytest.mark.parametrize(("scenario", "lose", "said"), LOST_IN_TRANSLATION)
def test_what_is_lost_in_translation_is_found(scenario: str, lose: Loss, said: str) -> None:
    with pytest.raises(ConformanceError) as failure:
        check_round_trip(Dropping(lose), BY_NAME[scenario])
    assert f"adapter local, scenario {scenario}:" in str(failure.value)
    assert said in str(failure.value)


LOST_IN_THE_RUN: list[tuple[str, Loss, str]] = [
    ("retry_then_success", retry("heals", retries=0), "step heals: attempts: expected 3, got 1"),
    ("retry_then_success", retry("heals", delay=0.0), "step heals: wait before a retry: expected 2 s at least"),
    ("all_done_trigger", without("done_anyway", trigger_rule="all_success"), "got upstream_failed"),
    ("all_done_trigger", without("done_strictly", trigger_rule="all_done"), "got success"),
    ("condition_false", without("when_small", when=None, after=["branch"]), "expected skipped, got success"),
    ("timeout", without("endless", timeout=None), "step endless: status: expected failed, got success"),
    ("fan_out", lambda n: [s.update(pool=None) for s in n["steps"]], "expected success, got failed"),
    ("mapped", without("map_each", map_over=None), "step map_each: status: expected success, got failed"),
    ("linear", without("linear_last", after=[]), "step linear_last: order: expected to start after linear_slow"),
    ("linear", without("linear_total", inputs=[]), "step linear_total: status: expected success, got failed"),
]


@pytest.mark.parametrize(("scenario", "lose", "said"), LOST_IN_THE_RUN)
def test_what_is_lost_in_the_run_is_found(scenario: str, lose: Loss, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConformanceError) as failure:
        check_behaviour(Dropping(lose), BY_NAME[scenario], tmp_path)
    assert said in str(failure.value)


def test_a_wait_that_is_too_long_or_too_short_is_found(tmp_path: Path) -> None:
    scenario = BY_NAME["retry_then_success"]
    performed = run_scenario(scenario, tmp_path, "local", LocalEngine())
    assert list(judge_run(scenario, performed)) == []
    first, second, third = (performed.evidence / f"fails_twice.{number}" for number in (1, 2, 3))
    began = first.stat().st_mtime
    # two seconds before the first retry, and three before the second, not four: no wait is above the limit
    for waits, said in (
        ((1.9, 3.0), ["step heals: wait before a retry: expected 2 s at least, 2 s and what the engine adds"]),
        ((2.0, 2.9), ["step heals: wait before a retry: expected 3 s at least, 3 s and what the engine adds"]),
        ((2.0 + ADDED_BY_ENGINE, 3.0 + ADDED_BY_ENGINE), []),
        ((2.0, 3.1 + ADDED_BY_ENGINE), [f"got {3.1 + ADDED_BY_ENGINE:.2f} s"]),
    ):
        os.utime(second, (began + waits[0],) * 2)
        os.utime(third, (began + sum(waits),) * 2)
        found = [str(difference) for difference in judge_run(scenario, performed)]
        assert len(found) == len(said)
        assert all(words in difference for words, difference in zip(said, found, strict=True))


class Asking(LocalAdapter):
    """Runs another request than the one it was given."""

    def __init__(self, **instead: Any) -> None:
        super().__init__()
        self.instead = instead

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        return super().run(replace(request, **self.instead), home)


@pytest.mark.parametrize(
    ("scenario", "instead", "said"),
    [
        ("diamond", {"partition": "2026-01-03T04"}, "step diamond_top: output partition"),
        ("diamond", {"version": "production"}, "what stands in version conformance: expected published"),
        ("retry_then_success", {"config": {}}, "step heals: status: expected success, got failed"),
        ("window", {"steps": None}, "step window_sums: what stands in version conformance: expected nothing published"),
    ],
)
def test_another_request_is_found(scenario: str, instead: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConformanceError) as failure:
        check_behaviour(Asking(**instead), BY_NAME[scenario], tmp_path)
    assert said in str(failure.value)


class Lying(LocalAdapter):
    """Runs well, and tells something else."""

    def __init__(self, step: str, **told: Any) -> None:
        super().__init__()
        self.step, self.told = step, told

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        run = super().run(request, home)
        return replace(run, steps={**run.steps, self.step: replace(run.steps[self.step], **self.told)})


@pytest.mark.parametrize(
    ("step", "told", "said"),
    [
        ("diamond_left", {"attempts": 2}, "step diamond_left: attempts: expected 1, got 2"),
        ("diamond_left", {"status": Status.FAILED}, "step diamond_left: status: expected success, got failed"),
        ("diamond_left", {"status": Status.SKIPPED}, "expected success, got skipped"),
        ("diamond_left", {"started": "2026-01-01T00:00:00+00:00"}, "to start after diamond_top has ended"),
    ],
)
def test_what_is_told_wrongly_is_found(step: str, told: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConformanceError) as failure:
        check_behaviour(Lying(step, **told), BY_NAME["diamond"], tmp_path)
    assert said in str(failure.value)


def test_a_site_is_judged_by_what_its_services_do(tmp_path: Path) -> None:
    adapter = LocalAdapter()
    target = ServiceEnvironment(
        tmp_path, str(tmp_path), ("counterpoint.testing.scenarios:diamond",), {"web": 1}, "secret"
    )
    check_behaviour(adapter, BY_NAME["diamond"], tmp_path, ServiceEngine(adapter, target))


STRANGER = """
from counterpoint.testing import SCENARIOS, ConformanceSuite, LocalAdapter

class TestMine(ConformanceSuite):
    adapter = LocalAdapter()
    scenarios = SCENARIOS[1:2]

class TestBroken(TestMine):
    adapter = type("Broken", (LocalAdapter,), {"read_back": lambda self, native: SCENARIOS[0].pipeline})()
"""


def test_a_stranger_takes_the_suite_over(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(STRANGER, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-k", "not (Broken and behaviour)", "--rootdir=."]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "name: expected diamond, got linear" in result.stdout
    assert "1 failed, 4 passed, 1 deselected" in result.stdout


def test_the_local_adapter_is_one() -> None:
    assert isinstance(LocalAdapter(), Adapter)
    assert "pytest" not in vars(ConformanceSuite)

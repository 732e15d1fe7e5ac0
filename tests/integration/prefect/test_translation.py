"""What a pipeline looks like in Prefect: native where Prefect has a place for it, and read back from there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import pytest

pytestmark = pytest.mark.prefect

from counterpoint.errors import SourceError, UsageError
from counterpoint.model import RetryPolicy, RunRequest
from counterpoint.testing.scenarios import fan_out, linear, mapped, timeout
from streamrec.pipeline import pipeline as streamrec

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Pipeline

SCENARIOS = "counterpoint.testing.scenarios"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Prefect makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        import prefect

        yield prefect


def translated(pipeline: Pipeline) -> Any:
    from counterpoint_prefect import ADAPTER

    return ADAPTER.translate(pipeline)


def read_back(native: Any) -> Pipeline:
    from counterpoint_prefect import ADAPTER

    return ADAPTER.read_back(native)


@pytest.fixture(scope="module")
def flow(home: Any) -> Any:
    return translated(streamrec)


class TestStreamrec:
    """The flagship, as a person sees it on Prefect's page."""

    def test_flow_and_tasks_have_the_public_names(self, flow: Any, home: Any) -> None:
        assert isinstance(flow, home.Flow)
        assert (flow.name, flow.description) == ("streamrec", streamrec.description)
        assert [task.name for task in flow.tasks.values()] == list(streamrec.step_names)
        assert all(isinstance(task, home.Task) for task in flow.tasks.values())
        assert {name: task.description for name, task in flow.tasks.items()} == {
            s.name: s.description for s in streamrec.steps
        }

    def test_the_flow_waits_by_its_edges(self, flow: Any) -> None:
        assert flow.edges == {s.name: s.upstream for s in streamrec.steps}

    def test_retries_delays_and_jitter_are_native(self, flow: Any) -> None:
        from prefect.utilities.math import clamped_poisson_interval

        model = flow.tasks["ranking_model"]
        assert model.retries == 2
        for delay, least in zip(model.retry_delay_seconds, [30, 60], strict=True):
            drawn = [clamped_poisson_interval(delay, model.retry_jitter_factor) for _ in range(2_000)]
            # core's own bounds, and all of what lies between
            assert least <= min(drawn) + 1e-6 < least * 1.02
            assert least * 1.48 < max(drawn) <= least * 1.5 + 1e-6
        assert flow.tasks["raw_interactions"].retry_jitter_factor is None
        assert flow.tasks["retrieval_evaluation"].retries == 0

    def test_pools_are_tags(self, flow: Any) -> None:
        tags = {name: task.tags for name, task in flow.tasks.items()}
        assert tags == {s.name: {f"pool:{s.pool}"} if s.pool else set() for s in streamrec.steps}

    def test_results_are_kept_as_json_references(self, flow: Any) -> None:
        kept = {(task.persist_result, task.result_serializer) for task in flow.tasks.values()}
        assert kept == {(True, "json")}

    def test_parameters_are_the_date_and_the_request(self, flow: Any) -> None:
        schema = flow.parameters.model_dump_for_openapi()
        assert list(schema["properties"]) == ["date", "request"]
        assert not schema.get("required")
        assert flow.validate_parameters({"date": "2026-01-07"})["date"] == "2026-01-07"

    def test_steps_can_work_side_by_side(self, flow: Any) -> None:
        assert flow.task_runner._max_workers >= 2

    def test_all_of_it_is_read_back(self, flow: Any) -> None:
        assert read_back(flow) == streamrec


def key(task: Any, run_id: str = "one", index: int | None = None) -> Any:
    """The cache key of a task run, as Prefect asks for it; what comes from upstream is the same for all."""
    asked = RunRequest("streamrec", "2026-01-07", run_id, "/root", "prefect").to_json()
    inputs: dict[str, Any] = {"request": asked, "upstream": {}, "index": index}
    return task.cache_policy.compute_key(SimpleNamespace(task=task), inputs, {})


def test_cache_keys_hold_task_run_and_element(flow: Any) -> None:
    assert len({key(task) for task in flow.tasks.values()}) == len(streamrec.steps)
    task = flow.tasks["raw_interactions"]
    assert len({key(task), key(task, "two"), key(task, index=0), key(task, index=1)}) == 4
    assert key(task) == key(translated(streamrec).tasks["raw_interactions"])


class TestReadBack:
    """What is changed natively is seen, for it is read from there."""

    def test_another_retry_policy(self) -> None:
        from prefect.utilities.math import lower_clamp_multiple

        flow = translated(linear)
        task = flow.tasks["linear_total"]
        task.retries, task.retry_delay_seconds, task.retry_jitter_factor = 7, [3.0], None
        found = read_back(flow).step("linear_total")
        ours = linear.step("linear_total")
        assert found == replace(ours, retry=RetryPolicy(7, timedelta(seconds=3)))
        task.retry_jitter_factor = 0.25
        shorter = read_back(flow).step("linear_total").retry
        assert shorter.delay.total_seconds() == pytest.approx(3 * lower_clamp_multiple(1.25), abs=1e-5)
        assert shorter.delay.total_seconds() * (1 + shorter.jitter) == pytest.approx(3.75, abs=1e-4)

    @pytest.mark.parametrize("jitter", [0.0, 0.001, 0.1, 0.35, 0.5, 0.999, 1.0])
    @pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 30.0, 86_400.0])
    def test_every_jitter_and_delay_of_cores(self, jitter: float, seconds: float) -> None:
        retry = RetryPolicy(3, timedelta(seconds=seconds), timedelta(days=3), jitter)
        ours = replace(linear, steps=(replace(linear.steps[0], retry=retry),))
        assert read_back(translated(ours)).steps[0].retry == retry

    def test_other_tags_and_descriptions(self) -> None:
        flow = translated(fan_out)
        flow.tasks["fan_a"].tags = {"pool:wide", "else"}
        flow.tasks["fan_b"].tags, flow.tasks["fan_b"].description = set(), "Another."
        found = read_back(flow)
        assert (found.step("fan_a").pool, found.step("fan_b").pool) == ("wide", None)
        assert found.step("fan_b").description == "Another."

    def test_an_edge_that_is_gone(self) -> None:
        flow = translated(linear)
        flow.edges["linear_slow"] = ("linear_numbers",)
        found = read_back(flow).step("linear_slow")
        assert found == replace(linear.step("linear_slow"), after=())

    def test_names(self) -> None:
        flow = translated(linear)
        flow.name, flow.description = "renamed", "Another."
        assert read_back(flow) == replace(linear, name="renamed", description="Another.")


class TestRequest:
    """A scheduled run processes the partition before, of the pipeline as it is served."""

    CASES: ClassVar[list[Any]] = [
        ("linear", "2026-01-08T02:00", "2026-01-07"),
        ("diamond", "2026-01-08T00:05", "2026-01-07T23"),
        ("fan_out", "2026-01-02T03:00", "2025-12"),
    ]

    @pytest.fixture(autouse=True)
    def root(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))

    @pytest.mark.parametrize(("name", "tick", "expected"), CASES)
    def test_a_tick_is_of_the_partition_before(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, tick: str, expected: str
    ) -> None:
        from prefect.client.schemas.objects import FlowRun

        from counterpoint_prefect import partitions

        due = datetime.fromisoformat(tick).replace(tzinfo=UTC)
        run = FlowRun(id=UUID(int=77), flow_id=UUID(int=1), expected_start_time=due, auto_scheduled=True)
        context = SimpleNamespace(get=lambda: SimpleNamespace(flow_run=run))
        monkeypatch.setattr(partitions, "FlowRunContext", context)
        made = partitions.request_of(f"{SCENARIOS}:{name}", None, None)
        assert (made.pipeline, made.partition) == (f"{SCENARIOS}:{name}", expected)
        assert (made.run_id, made.root, made.scheduled) == (f"prefect-{run.id}", str(tmp_path), True)
        run = FlowRun(id=UUID(int=78), flow_id=UUID(int=1), expected_start_time=due, auto_scheduled=False)
        context.get = lambda: SimpleNamespace(flow_run=run)
        assert not partitions.request_of(f"{SCENARIOS}:{name}", None, None).scheduled

    def test_a_person_chooses_a_date(self) -> None:
        from counterpoint_prefect.partitions import request_of

        assert request_of("streamrec", "2026-01-05", None).partition == "2026-01-05"
        asked = RunRequest("streamrec", "2026-01-02", "mine", "elsewhere", steps=("raw_interactions",))
        assert request_of("streamrec", None, asked.to_json()) == asked

    def test_without_a_root_nothing_is_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from counterpoint_prefect.partitions import request_of

        monkeypatch.delenv("COUNTERPOINT_ROOT")
        with pytest.raises(UsageError, match="COUNTERPOINT_ROOT"):
            request_of("streamrec", "2026-01-05", None)


@pytest.mark.parametrize(("error", "again"), [(SourceError("none"), False), (RuntimeError(), True)])
def test_what_cannot_heal_is_not_tried_again(home: Any, error: Exception, again: bool) -> None:  # noqa: FBT001
    from prefect.states import Failed

    task = translated(streamrec).tasks["raw_interactions"]
    assert task.retry_condition_fn(task, None, Failed(data=error)) is again
    assert not task.retry_condition_fn(task, None, Failed(name="UpstreamFailed"))


def test_what_prefect_lacks_has_a_stand_in() -> None:
    from counterpoint_prefect import ADAPTER

    limits = {limit.subject: limit for limit in ADAPTER.limits}
    assert "core kills" in str(limits["timeout"].stand_in)
    assert all(limit.stand_in for limit in ADAPTER.limits)
    assert read_back(translated(timeout)).step("endless").timeout == timedelta(seconds=2)


def test_a_mapped_step_is_named_by_its_element() -> None:
    assert translated(mapped).tasks["map_each"].task_run_name == "map_each[{index}]"
    assert translated(mapped).tasks["map_total"].task_run_name == "map_total"


@pytest.mark.parametrize("name", ["streamrec", f"{SCENARIOS}:fan_out"])
def test_loading_the_flows_loads_no_data_library(name: str, tmp_path: Path) -> None:
    # Prefect 3.6 itself loads pandas where there is one
    code = (
        "import sys, prefect.tasks; own = set(sys.modules)\n"
        "from counterpoint_prefect.flows import FLOWS; print(*FLOWS); print(*(set(sys.modules) - own))"
    )
    environment = {"PREFECT_HOME": str(tmp_path), "COUNTERPOINT_PIPELINES": name, "HOME": str(tmp_path), "PATH": ""}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    flows, modules = said.stdout.splitlines()[-2:]
    assert flows in {"streamrec", "fan_out"}
    assert not {"polars", "torch", "pandera", "mlflow", "deltalake", "pandas"}.intersection(modules.split())

"""StreamRec by hand on Prefect: what the flow says of itself, and runs in this process against one temporary server."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = [pytest.mark.prefect, pytest.mark.torch, pytest.mark.long]

from counterpoint.errors import ContractError, SourceError, UsageError
from streamrec.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Alerts = Callable[[], list[str]]
    Digests = Callable[..., dict[str, str]]

DAY, SOURCE = "2026-01-08", "synthetic:rows=1500,users=150,items=80,seed=7"
WINDOW = [f"2026-01-0{day}" for day in range(2, 8)]
TRAINING = ("retrieval_model", "ranking_model")
EVENTS = ("raw_interactions", "validated_interactions")


@pytest.fixture(scope="module")
def by_hand(byhand: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the flow, and a server that its runs are told to; Prefect's home is a folder of the test's."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
        from prefect.testing.utilities import prefect_test_harness

        from byhand import prefect_flow

        # what nobody reads would keep the server's database busy
        settings = {PREFECT_LOCAL_STORAGE_PATH: home / "storage", PREFECT_LOGGING_TO_API_ENABLED: False}
        with temporary_settings(settings), prefect_test_harness(120):
            yield prefect_flow


@pytest.fixture(scope="module")
def made(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which the command has made `DAY`, and what it needs of the days before."""
    root = tmp_path_factory.mktemp("made") / "lake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMREC_ROOT", str(root))
        patch.setenv("STREAMREC_SOURCE", SOURCE)
        assert by_hand.main(["backfill", DAY, DAY]) == 0
    return root


@pytest.fixture
def ready(made: Path, lake: Path) -> Path:
    """A lake of its own with all tables of `made` and its registry, and no models yet."""
    for name in ("tables", "days", "mlflow"):
        shutil.copytree(made / name, lake / name)
    return lake


@pytest.fixture
def alerts(caplog: pytest.LogCaptureFixture) -> Alerts:
    """What was told, without the severity."""
    caplog.set_level(logging.WARNING, "byhand.alerts")
    return lambda: [r.getMessage().partition(" ")[2] for r in caplog.records if r.name == "byhand.alerts"]


def ask(question: Callable[[Any], Any]) -> Any:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return question(client)


def runs_of(flow: str) -> list[Any]:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    wanted = FlowFilter(name=FlowFilterName(any_=[flow]))
    return ask(lambda client: client.read_flow_runs(flow_filter=wanted))


def tasks_of(run_id: Any, names: tuple[str, ...] = pipeline.step_names) -> dict[str, Any]:
    """The last task run of each step; the server is told of them later than of the flow run."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    until = time.monotonic() + 30
    while True:
        told = ask(lambda client: client.read_task_runs(flow_run_filter=wanted, limit=200))
        told.sort(key=lambda one: (one.expected_start_time, str(one.id)))
        found = {one.name.rpartition("-")[0]: one for one in told}
        ended = [one for one in found.values() if one.state and (one.state.is_final() or one.state_name == "NotReady")]
        if (len(ended) == len(names) and set(found) == set(names)) or time.monotonic() > until:
            return found
        time.sleep(0.3)


def refuse(error: Exception) -> Callable[[str], Any]:
    def step(day: str) -> Any:
        raise error

    return step


def versions(lake: Path) -> Counter[str]:
    """How many versions of each model are registered."""
    from byhand.registry import client_of

    return Counter(version.name for version in client_of(lake).search_model_versions())


def decisions(lake: Path) -> dict[str, Any]:
    told = json.loads((lake / "values" / "registered_models" / f"{DAY}.json").read_text())
    return {one["step"]: one for one in told}


class TestDescription:
    def test_steps_have_the_retries_time_outs_and_pools_of_the_pipeline(self, by_hand: Any) -> None:
        for step in pipeline.steps:
            native = getattr(by_hand, step.name)
            assert native.name == step.name
            assert native.retries == step.retry.retries
            assert native.timeout_seconds == (step.timeout.total_seconds() if step.timeout else None)
            assert native.tags == ({step.pool} if step.pool else set())
            assert native.retry_condition_fn is by_hand.may_retry
            assert native.on_failure_hooks == [by_hand.tell_failed]
        assert by_hand.raw_interactions.retry_delay_seconds == 30
        for name in TRAINING:
            native = getattr(by_hand, name)
            assert native.retry_delay_seconds == list(pipeline.step(name).retry.delays()) == [30, 60]
            assert native.retry_jitter_factor == pipeline.step(name).retry.jitter

    def test_the_server_is_told_of_pools_deadline_freshness_and_schedule(
        self, by_hand: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served: list[tuple[Any, ...]] = []
        monkeypatch.setattr(type(by_hand.streamrec), "serve", lambda _, name, **more: served.append((name, more)))
        for _ in range(2):  # the second time there is nothing new
            assert by_hand.main(["serve"]) == 0
        ((_, more), again) = served
        assert again[1] == more
        (schedule,) = more["schedules"]
        assert pipeline.schedule is not None
        assert (schedule.cron, schedule.timezone, schedule.active) == (pipeline.schedule.cron, "UTC", True)
        slots = {
            pool.name: ask(lambda client, tag=pool.name: client.read_concurrency_limit_by_tag(tag).concurrency_limit)
            for pool in pipeline.pools
        }
        assert slots == {pool.name: pool.slots for pool in pipeline.pools} == by_hand.POOLS
        found = {watch.name: watch for watch in ask(lambda client: client.read_automations())}
        assert sorted(found) == ["ranking_model fresh", "retrieval_model fresh", "streamrec deadline"]
        assert found["streamrec deadline"].trigger.within == pipeline.deadline
        for name in TRAINING:
            assert found[f"{name} fresh"].trigger.within == pipeline.step(name).freshness

    def test_a_scheduled_run_is_of_the_day_that_has_ended(self, by_hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from prefect.runtime import flow_run

        due = datetime(2026, 1, 9, 2, tzinfo=UTC)
        monkeypatch.setattr(flow_run, "scheduled_start_time", due, raising=False)
        assert by_hand.day_of_run() == DAY
        monkeypatch.setattr(flow_run, "scheduled_start_time", due - timedelta(hours=2, seconds=1), raising=False)
        assert by_hand.day_of_run() == "2026-01-07"
        monkeypatch.setattr(flow_run, "parameters", {"day": "2026-01-02"}, raising=False)
        assert by_hand.day_of_run() == "2026-01-02"

    def test_a_run_whose_process_died_is_told(self, by_hand: Any, alerts: Alerts) -> None:
        from prefect.client.schemas.objects import FlowRun
        from prefect.states import Crashed

        due = datetime(2026, 1, 9, 2, tzinfo=UTC)
        for flow, given in ((by_hand.streamrec, {}), (by_hand.events, {"day": DAY})):
            run = FlowRun.model_construct(name="odd-name", parameters=given, expected_start_time=due)
            for hook in flow.on_crashed_hooks:
                hook(flow=flow, flow_run=run, state=Crashed(message="killed"))  # as Prefect's runner does
        names = ("streamrec", "streamrec-events")
        assert alerts() == [f"streamrec {name} of {DAY} failed: CrashedRun: killed" for name in names]

    def test_data_and_settings_are_not_tried_again(self, by_hand: Any) -> None:
        from pandera.errors import SchemaError
        from prefect.states import Failed

        def tried(error: Exception) -> bool:
            return bool(by_hand.may_retry(None, None, Failed(data=error)))

        bad = [ContractError("x"), SourceError("x"), UsageError("x"), SchemaError(None, None, "x")]
        assert [tried(error) for error in bad] == [False] * 4
        assert [tried(error) for error in (OSError("x"), TimeoutError("x"), RuntimeError("x"))] == [True] * 3

    def test_loading_it_loads_nothing_heavy(self) -> None:
        heavy = "polars", "torch", "pandera", "mlflow", "deltalake"
        code = f"import sys, byhand.prefect_flow; print([name for name in {heavy!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestRuns:
    def test_all_outputs_are_those_of_counterpoint(
        self, made: Path, expected: dict[str, str], digests: Digests
    ) -> None:
        assert len(expected) == 8
        assert digests(made) == expected
        assert sorted(run.name for run in runs_of("streamrec-events")) == WINDOW

    def test_edges_are_those_of_the_pipeline_and_metrics_are_on_the_page(self, made: Path) -> None:
        (run,) = [run for run in runs_of("streamrec") if run.state_name == "Completed" and run.name == DAY]
        tasks = tasks_of(run.id)
        names = {one.id: name for name, one in tasks.items()}
        edges = {name: {names[up.id] for up in one.task_inputs.get("wait_for", [])} for name, one in tasks.items()}
        assert edges == {step.name: set(step.upstream) for step in pipeline.steps}
        shown = {one.key: json.loads(one.data) for one in ask(lambda client: client.read_latest_artifacts())}
        assert sorted(shown) == ["ranking-evaluation", "registered-models", "retrieval-evaluation"]
        values = json.loads((made / "values" / "ranking_evaluation" / f"{DAY}.json").read_text())
        assert {row["metric"]: row["model"] for row in shown["ranking-evaluation"]} == values["model"]

    def test_an_evaluation_that_fails_holds_back_its_own_model_alone_and_is_made_up_for(
        self, by_hand: Any, made: Path, ready: Path, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from byhand import steps

        before = versions(ready)
        shutil.copytree(made / "models", ready / "models")
        for name in TRAINING:
            monkeypatch.setattr(steps, name, lambda _: {})
        with monkeypatch.context() as patch:
            patch.setattr(steps, "ranking_evaluation", refuse(RuntimeError("no memory")))
            state = by_hand.streamrec(DAY, return_state=True)
        assert state.is_failed()
        assert state.message == "not done: ranking_evaluation"
        assert alerts() == [f"streamrec ranking_evaluation of {DAY} failed: RuntimeError: no memory"]
        assert decisions(ready)["ranking_model"]["stage"] == "hold"
        assert versions(ready) - before == {"streamrec-retrieval": 1}

        # run again, it does what is left: a step that is done would fail now
        monkeypatch.setattr(steps, "retrieval_model", refuse(AssertionError("it was done")))
        assert rerun(by_hand.streamrec, state.state_details.flow_run_id).is_completed()
        assert versions(ready)["streamrec-ranking"] == before["streamrec-ranking"] + 1
        assert len(alerts()) == 1

    def test_models_that_fail_are_told_once_after_all_retries(
        self, by_hand: Any, ready: Path, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from byhand import steps

        monkeypatch.setattr(steps, "retrieval_model", refuse(ConnectionError("reset")))
        monkeypatch.setattr(steps, "ranking_model", refuse(ContractError("no rows")))
        for name in TRAINING:
            restart_during_startup = getattr(by_hand, name).with_options(retry_delay_seconds=[0, 0])
            monkeypatch.setattr(by_hand, name, restart_during_startup)
        state = by_hand.streamrec(DAY, return_state=True)
        assert state.is_failed()
        tasks = tasks_of(state.state_details.flow_run_id)
        assert [tasks[name].run_count for name in TRAINING] == [3, 1]
        told = [f"retrieval_model of {DAY} failed: ConnectionError: reset", f"ranking_model of {DAY} failed: "]
        assert sorted(alerts(), reverse=True) == [f"streamrec {told[0]}", f"streamrec {told[1]}ContractError: no rows"]
        assert {name: tasks[name].state_name for name in tasks if name not in EVENTS} == {
            "training_features": "Completed",
            **dict.fromkeys(TRAINING, "Failed"),
            **dict.fromkeys(("retrieval_evaluation", "ranking_evaluation"), "NotReady"),
            "registered_models": "Completed",
        }
        assert {one["reason"] for one in decisions(ready).values()} == {"it was not trained"}

    def test_days_that_the_window_lacks_are_named_and_nothing_is_trained(
        self, by_hand: Any, ready: Path, alerts: Alerts
    ) -> None:
        for day in (WINDOW[1], WINDOW[4]):
            (ready / "days" / "validated_interactions" / day).unlink()
        state = by_hand.streamrec(DAY, return_state=True)
        assert state.is_failed()
        (told,) = alerts()
        assert told.startswith(
            f"streamrec training_features of {DAY} failed: NotInLakeError: the window of {DAY} lacks"
        )
        assert f"{WINDOW[1]}, {WINDOW[4]};" in told
        assert WINDOW[0] not in told
        tasks = tasks_of(state.state_details.flow_run_id)
        assert {tasks[name].state_name for name in TRAINING} == {"NotReady"}
        assert not (ready / "models").exists()
        assert {one["stage"] for one in decisions(ready).values()} == {"hold"}


def rerun(flow: Any, run_id: Any) -> Any:
    """Runs a flow run again, as a worker does when a person asks for it on the page."""
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled

    ask(lambda client: client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry"), force=True))
    return run_flow(flow, flow_run=ask(lambda client: client.read_flow_run(run_id)), return_type="state")

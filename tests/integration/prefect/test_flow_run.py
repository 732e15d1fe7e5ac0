"""Flow runs in this process, seen from the database of the server that Prefect starts for them.

All but the last test share a root, and so a home and its server: to start one takes longer than all the runs.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

pytestmark = pytest.mark.prefect

from counterpoint.adapter import find_adapter
from counterpoint.model import RunRecord, RunRequest, Status
from counterpoint.runtime import collect, find_pipeline
from counterpoint.services import ProcessEngine, home_of
from counterpoint.storage import Store
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

READ = ("raw_interactions", "validated_interactions")
SIZES = {"small": 2_000, "large": 16_000}
TOLD = ("flow_run", "flow_run_state", "task_run", "task_run_state", "artifact")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def request(root: Path, name: str, run_id: str, **properties: Any) -> RunRequest:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    return RunRequest(scenario.reference, scenario.partition, run_id, str(root), "prefect", **properties)


def run(asked: RunRequest) -> RunRecord:
    engine = ProcessEngine(find_adapter("prefect"))
    pipeline = find_pipeline(asked.pipeline).configured(asked.config)
    return collect(pipeline, Store(asked.root, pipeline), asked, engine.run([asked])[0], engine.version)


def ask(root: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home_of(str(root), "prefect") / "prefect.db")) as connection:
        return connection.execute(query, values).fetchall()


def tasks(root: Path, run_id: str) -> dict[str, str]:
    """The task runs of a flow run, and the names of the states that they ended in."""
    joined = "task_run join flow_run on flow_run.id = task_run.flow_run_id"
    query = f"select task_run.name, task_run.state_name from {joined} where flow_run.name = ?"  # noqa: S608
    return dict(ask(root, query, run_id))


def results(root: Path, run_id: str) -> dict[str, bytes]:
    """What is kept as the results of a run's tasks, by cache key."""
    kept = (home_of(str(root), "prefect") / "storage").glob(f"{run_id}-*")
    return {path.name.removeprefix(f"{run_id}-"): path.read_bytes() for path in kept}


def children() -> list[psutil.Process]:
    """The processes that this one has had forked for a step."""
    return [
        step
        for warm in psutil.Process().children()
        if any("counterpoint.runtime.forkserver" in word for word in warm.cmdline())
        for step in warm.children()
    ]


def widths(root: Path) -> dict[str, tuple[int, int]]:
    """Rows and bytes of the tables that tell of runs."""
    found = {}
    for table in TOLD:
        columns = [name for _, name, *_ in ask(root, f"pragma table_info({table})")]
        lengths = " + ".join(f"coalesce(length({name}), 0)" for name in columns)
        found[table] = ask(root, f"select count(*), coalesce(sum({lengths}), 0) from {table}")[0]  # noqa: S608
    return found


@pytest.fixture(scope="module")
def sized(root: Path) -> dict[str, Any]:
    """The first two steps of the flagship on few and on many events; how the tables of the database grew."""
    found: dict[str, Any] = {}
    before = dict.fromkeys(TOLD, (0, 0))
    for name, rows in SIZES.items():
        config = {"source": f"synthetic:rows={rows},users=200,items=80,seed=7"}
        record = run(RunRequest("streamrec", "2026-01-07", name, str(root), "prefect", steps=READ, config=config))
        after = widths(root)
        grown = {table: (after[table][0] - before[table][0], after[table][1] - before[table][1]) for table in TOLD}
        found[name], before = (record, grown), after
    return found


class TestSizes:
    """Prefect's database and result storage are told of data, and never hold it."""

    def test_the_database_grows_the_same_whatever_the_size(self, sized: dict[str, Any], root: Path) -> None:
        bytes_of = {name: sum(step.output.bytes for step in sized[name][0].steps) for name in SIZES}
        assert bytes_of["large"] > 5 * bytes_of["small"]
        small, large = (sized[name][1] for name in SIZES)
        for table in ("flow_run", "task_run", "artifact"):
            assert small[table][0] == large[table][0] > 0
        sizes = [sum(size for _, size in grown.values()) for grown in (small, large)]
        assert sizes[1] < min(20_000, 1.3 * sizes[0]), (small, large)
        assert ask(root, "select max(length(payload)) from events") < [(4_000,)]

    def test_results_are_references(self, sized: dict[str, Any], root: Path) -> None:
        for name in SIZES:
            kept = results(root, name)
            assert sorted(kept) == sorted(f"{step}-None" for step in READ)
            assert max(map(len, kept.values())) < 1_000
            for step in sized[name][0].steps:
                held = json.loads(json.loads(kept[f"{step.name}-None"])["result"])
                assert held == step.output.to_dict()

    def test_artifacts_tell_rows_statistics_and_digest(self, sized: dict[str, Any], root: Path) -> None:
        for step in sized["large"][0].steps:
            key = f"streamrec-{step.name.replace('_', '-')}"
            (text,) = ask(root, "select data from artifact where key = ? order by created desc limit 1", key)[0]
            shown = {row["what"]: row["value"] for row in json.loads(json.loads(text))}
            assert (shown["digest"], shown["rows"]) == (step.output.digest, str(step.output.rows))
            assert "'event_type': {" in shown["columns"]

    def test_what_is_not_selected_is_not_submitted(self, sized: dict[str, Any], root: Path) -> None:
        assert len(sized) == 2
        assert tasks(root, "small") == dict.fromkeys(READ, "Completed")


def test_equal_inputs_do_not_share_a_result(root: Path) -> None:
    evidence = root / "evidence"
    record = run(request(root, "fan_out", "fanned", config={"folder": str(evidence)}))
    kept = results(root, "fanned")
    assert sorted(kept) == sorted(f"{step.name}-None" for step in record.steps)
    letters = [kept[f"fan_{letter}-None"] for letter in "abcd"]
    assert len(set(letters)) == 4
    pipeline = find_pipeline(request(root, "fan_out", "").pipeline).configured({"folder": str(evidence)})
    (entry,) = Store(str(root), pipeline).entries("fan_in").values()
    assert Store(str(root), pipeline).read(entry.reference) == [11, 12, 13, 14]


def test_pools_are_concurrency_limits(root: Path) -> None:
    run(request(root, "fan_out", "limited", config={"folder": str(root / "limited")}, steps=("fan_source",)))
    limits = dict(ask(root, 'select name, "limit" from concurrency_limit_v2'))
    assert (limits["narrow"], limits["wide"]) == (2, 8)
    assert not any(taken for (taken,) in ask(root, "select active_slots from concurrency_limit_v2"))


def test_a_time_out_bites(root: Path) -> None:
    record = run(request(root, "timeout", "timed", config={"folder": str(root / "timed")}))
    assert not children()
    assert [step.error.type for step in record.steps if step.error] == ["StepTimeoutError"]
    ended = tasks(root, "timed")
    again = dict.fromkeys(("slow_once", "killed_once", "in_time"), "Completed")
    assert ended == {"endless": "Failed", "too_late": "UpstreamFailed", **again}
    assert "endless-None" not in results(root, "timed")
    assert ask(root, "select state_name from flow_run where name = 'timed'") == [("Failed",)]


def test_a_branch_that_is_not_taken_is_skipped_by_name(root: Path) -> None:
    record = run(request(root, "condition_false", "chosen"))
    done = dict.fromkeys(("branch", "when_large", "either"), "Completed")
    assert tasks(root, "chosen") == {**done, "when_small": "Skipped", "after_small": "Skipped"}
    assert [step.name for step in record.steps if step.status is Status.SKIPPED] == ["when_small", "after_small"]
    assert ask(root, "select state_name from flow_run where name = 'chosen'") == [("Completed",)]


@pytest.mark.parametrize("name", ["condition_false", "all_done_trigger", "one_success", "hidden_failure"])
def test_a_run_that_is_run_again_ends_in_the_same_states(root: Path, name: str) -> None:
    """Also by the states of skipped tasks, and of tasks below a failed one, whose results Prefect would take again."""
    asked = request(root, name, f"again-{name}")
    first, second = (run(asked) for _ in range(2))
    assert {step.status for step in first.steps} - {Status.SUCCESS, Status.FAILED}
    assert [(step.name, step.status) for step in second.steps] == [(step.name, step.status) for step in first.steps]


def test_a_mapped_step_is_a_task_run_per_element_and_a_part_reads_what_stands(root: Path) -> None:
    whole = run(request(root, "mapped", "whole"))
    expected = [f"map_each[{index}]" for index in range(3)] + [f"map_factors[{index}]" for index in range(2)]
    assert sorted(tasks(root, "whole")) == sorted(["map_numbers", *expected, "map_total"])
    part = run(request(root, "mapped", "part", steps=("map_total",), force=True))
    assert tasks(root, "part") == {"map_total": "Completed"}
    assert [step.output for step in part.steps] == [whole.step("map_total").output]


@pytest.mark.parametrize("schedules", [None, "1"])
def test_deployments_are_scheduled_where_the_site_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, schedules: str | None
) -> None:
    run(request(root, "linear", f"first-{schedules}", steps=("linear_numbers",)))
    from prefect.client.orchestration import get_client
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from counterpoint_prefect.deploy import make_deployments

    monkeypatch.delenv("COUNTERPOINT_SCHEDULES", raising=False)
    if schedules:
        monkeypatch.setenv("COUNTERPOINT_SCHEDULES", schedules)
    with temporary_settings({PREFECT_API_URL: SubprocessASGIServer().api_url}), get_client(sync_client=True) as client:
        make_deployments(["streamrec"])
        made = client.read_deployment_by_name("streamrec/counterpoint")
    (schedule,) = made.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone, schedule.active) == (
        "0 2 * * *",
        "UTC",
        bool(schedules),
    )
    assert (made.work_pool_name, made.entrypoint) == ("counterpoint", "counterpoint_prefect.flows.streamrec")
    assert list(made.parameter_openapi_schema["properties"]) == ["date", "request"]


def test_each_home_is_whole_and_the_environment_is_left_as_it_was(root: Path, tmp_path: Path) -> None:
    before = dict(os.environ)
    first = len(ask(root, "select id from flow_run"))
    run(request(tmp_path, "linear", "elsewhere", steps=("linear_numbers",)))
    assert dict(os.environ) == before
    assert len(ask(root, "select id from flow_run")) == first
    assert ask(tmp_path, "select name from flow_run") == [("elsewhere",)]
    assert tasks(tmp_path, "elsewhere") == {"linear_numbers": "Completed"}
    assert list(results(tmp_path, "elsewhere")) == ["linear_numbers-None"]

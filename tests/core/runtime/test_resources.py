"""What a step declares of memory, CPUs and variables is what its process has."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.errors import ChildStepError, StepMemoryError
from counterpoint.model import RunRequest, Status
from counterpoint.runtime import Attempt, LocalRun, collect, execute_attempt, find_pipeline
from counterpoint.runtime.cpus import CpuBudget
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import RunRecord

LIMIT = 300 * 1024**2


def request_of(root: Path, pipeline: str, **more: Any) -> RunRequest:
    config = {"folder": str(root)} if "folder" in find_pipeline(f"weights:{pipeline}").config else {}
    return RunRequest(f"weights:{pipeline}", "2026-01-03", f"{pipeline}-1", str(root / "data"), config=config, **more)


def store_of(request: RunRequest) -> Store:
    return Store(request.root, find_pipeline(request.pipeline), request.version)


def execute(request: RunRequest, step: str) -> Any:
    return store_of(request).read(execute_attempt(Attempt(request, step, {})))


def record_of(request: RunRequest, step: str) -> dict[str, Any]:
    name = find_pipeline(request.pipeline).name
    record: dict[str, Any] | None = store_of(request).get_json(f"runs/{name}/{request.run_id}/{step}.json")
    assert record is not None
    return record


def test_a_step_within_its_memory_ends_well_and_its_record_says_how_much_it_took(tmp_path: Path) -> None:
    request = request_of(tmp_path, "memory")
    assert execute(request, "fits") == 100 * 1024**2
    record = record_of(request, "fits")
    assert record["details"]["memory_limit"] == LIMIT
    assert 100 * 1024**2 < record["peak_memory"] < LIMIT


@pytest.mark.parametrize("step", ["grows", "starts_another"])
def test_a_step_that_holds_more_is_killed_with_all_that_it_has_started(step: str, tmp_path: Path) -> None:
    request = request_of(tmp_path, "memory")
    with pytest.raises(StepMemoryError, match=f"step {step} of 2026-01-03 held .* more than its 300.0 MiB") as failure:
        execute(request, step)
    assert "raise the memory of its resources" in str(failure.value)
    record = record_of(request, step)
    assert (record["status"], record["error"]["type"]) == ("failed", "StepMemoryError")
    assert record["error"]["failure"] == "killed"
    assert record["peak_memory"] == failure.value.peak > LIMIT == record["details"]["memory_limit"]
    assert store_of(request).entry(step, "2026-01-03") is None
    if step == "grows":  # it was not let go on for long
        assert 8 * (tmp_path / "held").stat().st_size < 450


def test_a_step_that_held_more_for_a_moment_has_no_output(tmp_path: Path) -> None:
    request = request_of(tmp_path, "memory")
    with pytest.raises((ChildStepError, StepMemoryError), match="which is more than its 300.0 MiB"):
        execute(request, "spikes")
    assert record_of(request, "spikes")["error"]["type"] == "StepMemoryError"
    assert store_of(request).entry("spikes", "2026-01-03") is None


@pytest.mark.parametrize("library", ["polars", "torch"])
def test_libraries_that_map_much_and_touch_little_are_judged_by_what_they_touch(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    request = request_of(tmp_path, f"{library}_memory")
    execute(request, f"{library}_fits")
    with pytest.raises(StepMemoryError, match="was killed"):
        execute(request, f"{library}_grows")


def test_another_attempt_is_made_as_after_any_kill(tmp_path: Path) -> None:
    record = run(request_of(tmp_path, "retried"))
    (step,) = record.steps
    assert (step.status, step.attempts) == (Status.FAILED, 2)
    assert step.error is not None
    assert step.error.type == "StepMemoryError"


def run(request: RunRequest) -> RunRecord:
    store = store_of(request)
    return collect(store.pipeline, store, request, LocalRun(request, 4).run(), "0")


def test_cpus_are_threads_also_where_libraries_were_imported_before_the_fork(tmp_path: Path) -> None:
    request = request_of(tmp_path, "threads")
    for _ in range(2):  # the second run has seen which libraries the steps import
        assert run(request).status is Status.SUCCESS
        read = {name: store_of(request).read(record.output) for name, record in outputs(run(request)).items()}
        assert read["free"]["polars"] == len(os.sched_getaffinity(0))
        assert read["limited"] == {"polars": 1, "pyarrow": 1, "variable": "1"}
        assert read["own"] == {"polars": 1, "pyarrow": 3, "variable": "3"}
        request = replace(request, run_id="threads-2", force=True)


def outputs(record: RunRecord) -> dict[str, Any]:
    return {step.name: step for step in record.steps}


def test_the_local_runner_says_which_steps_have_no_image_and_no_gpu(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    request = RunRequest("counterpoint.testing.needs:resources", "2026-01-03", "one", str(tmp_path))
    for step, said in (
        ("resources_threads", ["in this environment run resources_threads"]),
        ("resources_none", []),
    ):
        caplog.clear()
        LocalRun(replace(request, steps=(step,))).run()
        assert [record.message.partition(": ")[2] for record in caplog.records if "no image" in record.message] == said


def test_torch_has_as_many_threads_as_the_step_has_cpus(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert execute(request_of(tmp_path, "with_torch"), "limited_torch")["torch"] == 1


def test_variables_reach_the_process_of_their_step_alone(tmp_path: Path) -> None:
    request = request_of(tmp_path, "variables")
    record = outputs(run(request))
    read = {name: store_of(request).read(step.output) for name, step in record.items()}
    assert read == {"with_env": "hello", "without_env": "unset"}
    assert "GREETING" not in os.environ


def test_what_a_step_declares_precedes_the_variables_of_the_environment(tmp_path: Path) -> None:
    configured = {"GREETING": "good day", "OMP_NUM_THREADS": "7", "POLARS_MAX_THREADS": "7"}
    request = replace(request_of(tmp_path, "variables"), variables=configured)
    read = {name: store_of(request).read(step.output) for name, step in outputs(run(request)).items()}
    assert read == {"with_env": "hello", "without_env": "good day"}
    threads = replace(request_of(tmp_path, "threads"), variables=configured)
    assert execute(threads, "limited") == {"polars": 1, "pyarrow": 1, "variable": "1"}


def test_a_changed_variable_makes_an_output_stale_and_no_other(tmp_path: Path) -> None:
    run(request_of(tmp_path, "variables"))
    assert {name: step.reused for name, step in outputs(run(request_of(tmp_path, "variables"))).items()} == {
        "with_env": True,
        "without_env": True,
    }
    changed = outputs(run(request_of(tmp_path, "changed_variables")))
    assert {name: step.reused for name, step in changed.items()} == {"with_env": False, "without_env": True}


def test_no_more_steps_work_at_once_than_there_are_cpus_for(tmp_path: Path) -> None:
    assert run(request_of(tmp_path, "crowd")).status is Status.SUCCESS
    spans = sorted(tuple(map(float, file.read_text(encoding="ascii").split())) for file in tmp_path.glob("*.span"))
    assert len(spans) == 3
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 9.0]), min_size=1, max_size=12))
def test_a_budget_is_never_exceeded_and_lets_everybody_work(cpus: int, needs: list[float]) -> None:
    budget, busy, most, lock = CpuBudget(cpus), [0.0], [0.0], threading.Lock()

    def work(need: float) -> None:
        with budget.taken(need):
            taken = min(need, cpus)
            with lock:
                busy[0] += taken
                most[0] = max(most[0], busy[0])
            time.sleep(0.001)
            with lock:
                busy[0] -= taken

    workers = [threading.Thread(target=work, args=(need,), daemon=True) for need in needs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert not any(worker.is_alive() for worker in workers)
    assert most[0] <= cpus
    assert most[0] >= min(max(needs), cpus)

"""A group on Airflow: one task with the assets of its steps, which redoes nothing that succeeded when it was lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.adapter import find_adapter
from counterpoint.model import RunRequest, Status
from counterpoint.runtime import collect, find_pipeline
from counterpoint.services import ProcessEngine
from counterpoint.storage import Store
from counterpoint.testing.grouping import grouped_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMBERS = ("kept", "losing", "last")


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow makes a home when it is imported: not in the user's."""
    with pytest.MonkeyPatch.context() as patch, on_path(str(Path(__file__).parents[1])):
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield


def run(root: Path, **more: Any) -> Any:
    request = RunRequest("losing:lost", "2026-01-03", "lost", str(root), "airflow", **more)
    request = RunRequest.from_json(request.to_json())
    engine = ProcessEngine(find_adapter("airflow"))
    pipeline = find_pipeline(request.pipeline).configured(request.config)
    return collect(pipeline, Store(request.root, pipeline), request, engine.run([request])[0], engine.version)


def calls(folder: Path) -> dict[str, int]:
    return {name: len(list(folder.glob(f"{name}.[0-9]*"))) for name in MEMBERS}


def test_a_task_that_was_lost_redoes_only_what_had_not_succeeded(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    record = run(tmp_path, config={"folder": str(folder)}, force=True)
    assert {step.name: step.status for step in record.steps} == dict.fromkeys(MEMBERS, Status.SUCCESS)
    # the run is forced, so that what stands would be computed again
    assert calls(folder) == {"kept": 1, "losing": 2, "last": 1}
    assert [record.step(name).output.digest for name in ("kept", "losing")] == [record.step("kept").output.digest] * 2


def test_a_group_is_one_task_with_the_assets_of_its_steps() -> None:
    dag = find_adapter("airflow").translate(grouped_steps)
    task = dag.get_task("grouped_small")
    assert not set(dag.task_ids) & {"grouped_total", "grouped_heals", "grouped_killed", "grouped_numbers"}
    assert {asset.name for asset in task.outlets} == {step.name for step in grouped_steps.steps if step.group}
    assert (task.pool, task.retries) == ("shared", 3)
    assert task.upstream_task_ids == {"grouped_source"}
    assert task.downstream_task_ids == {"grouped_each__elements", "grouped_end"} | (
        task.downstream_task_ids & {"grouped_each"}
    )


@pytest.mark.parametrize(
    ("tries", "most", "again"), [(1, 2, False), (2, 2, True), (3, 2, True), (4, 5, False), (5, 5, True)]
)
def test_a_cleared_task_begins_anew(tries: int, most: int, again: bool) -> None:  # noqa: FBT001 - a case
    from types import SimpleNamespace

    from counterpoint_airflow.step import is_retry

    # Airflow allows a cleared task its retries once more, after the tries that it had
    native = SimpleNamespace(try_number=tries, max_tries=most, task=SimpleNamespace(retries=2))
    assert is_retry(native) is again

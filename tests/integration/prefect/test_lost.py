"""A run whose process is gone: it goes on waiting if it only looked whether its steps still wait."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.model import RunRequest
from counterpoint.runtime import execute
from counterpoint.runtime.waits import admit
from counterpoint_prefect.keys import WAITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.prefect, pytest.mark.service]
CONSENT = str(Path(__file__).parents[2] / "core" / "runtime")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, on_path: Callable[[str], AbstractContextManager[None]]
) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, on_path(CONSENT):
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(120):
            yield
    sys.modules.pop("consent", None)


def looking(root: Path, run_id: str) -> RunRequest:
    """The request of a run whose first step has ended, and whose second one waits for a person."""
    request = RunRequest("consent:guarded", "2026-01-03", run_id, str(root), "prefect")
    execute(request, "figures")
    assert admit(request, "published")
    return request


def state_after(request: RunRequest | None, active: tuple[str, ...]) -> Any:
    """What becomes of a flow run with running tasks of these names."""
    from prefect import Flow, Task
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from counterpoint_prefect.lost import waiting_state

    with get_client(sync_client=True) as client:
        parameters = {"request": request.to_json()} if request else {}
        flow = Flow(lambda request=None: request, name="guarded")
        run = client.create_flow_run(flow, parameters=parameters, state=Running())
        for name in active:
            task = Task(lambda: None, name=name)
            client.create_task_run(task, run.id, dynamic_key=name, name=name, state=Running())
        return waiting_state(client, client.read_flow_run(run.id))


@pytest.mark.parametrize("active", [(), ("published",), ("published", "told")])
@pytest.mark.usefixtures("server")
def test_what_was_only_looked_for_is_looked_for_again(tmp_path: Path, active: tuple[str, ...]) -> None:
    state = state_after(looking(tmp_path, "run"), active)
    assert (state.name, state.type.value) == (WAITS, "SCHEDULED")


@pytest.mark.usefixtures("server")
def test_a_run_that_was_killed_at_work_is_lost(tmp_path: Path) -> None:
    assert state_after(looking(tmp_path, "run"), ("figures",)) is None


@pytest.mark.usefixtures("server")
def test_a_run_of_which_nothing_waits_is_lost(tmp_path: Path) -> None:
    request = RunRequest("consent:guarded", "2026-01-03", "other", str(tmp_path), "prefect")
    assert state_after(request, ()) is None
    assert state_after(None, ()) is None


@pytest.mark.usefixtures("server")
def test_of_a_pipeline_that_is_gone_nothing_is_known(tmp_path: Path) -> None:
    gone = RunRequest("nowhere:pipeline", "2026-01-03", "run", str(tmp_path), "prefect")
    assert state_after(gone, ()) is None

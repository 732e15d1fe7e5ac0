"""Every scenario of the conformance kit on the real services of whichever orchestrator is installed here.

The services are started once and serve all scenarios, some at the same time; each is held against the local runner.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest

from counterpoint.adapter import find_adapters
from counterpoint.services import ServiceEngine, engine_for, home_of
from counterpoint.services.processes import marked
from counterpoint.testing import SCENARIOS, Scenario, check_behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(1200)]
INSTALLED = sorted(find_adapters())
if not INSTALLED:
    pytest.skip("no orchestrator is installed in this environment", allow_module_level=True)
ORCHESTRATOR = INSTALLED[0]
# much of a run is waiting for a daemon to look again; more at once would have two cores wait for each other
AT_ONCE = 3
# these take longest, for they are several runs: begun last, they would run alone
FIRST = ("all_done_trigger", "window")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def engine(root: Path) -> Iterator[ServiceEngine]:
    served = tuple(scenario.reference for scenario in SCENARIOS)
    with engine_for(ORCHESTRATOR, str(root), served, service=True) as found:
        assert isinstance(found, ServiceEngine)
        yield found
    assert not marked(str(home_of(str(root), ORCHESTRATOR)))


@pytest.fixture(scope="module")
def checks(request: pytest.FixtureRequest, engine: ServiceEngine, root: Path) -> Iterator[dict[str, Future[None]]]:
    """The check of every scenario that is tested, on its way."""
    chosen = [item.callspec.params["scenario"] for item in request.session.items if item.parent is request.node]
    chosen.sort(key=lambda scenario: scenario.name not in FIRST)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        found = {one.name: workers.submit(check_behaviour, engine.adapter, one, root, engine) for one in chosen}
        wait(found.values())  # pytest changes the environment from test to test, which Prefect reads meanwhile
        yield found
        workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_as_on_the_local_runner(scenario: Scenario, checks: dict[str, Future[None]]) -> None:
    checks[scenario.name].result()

"""Every scenario of the conformance kit on the real services of whichever orchestrator is installed here.

The services are started once and serve all scenarios, some at the same time; each is held against the local runner.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

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


# what these do is the same in one process, where every scenario is run as well (tests/conformance)
PLAIN = (
    "linear",
    "diamond",
    "fan_out",
    "condition_false",
    "retry_exhausted",
    "in_vain",
    "hidden_failure",
    "late_marker",
)


def marked_scenarios() -> list[Any]:
    """The scenarios; the plain ones wait for `make matrix`."""
    return [pytest.param(one, marks=[pytest.mark.release] if one.name in PLAIN else []) for one in SCENARIOS]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def chosen(request: pytest.FixtureRequest) -> list[Scenario]:
    """The scenarios that are tested; those that take longest first."""
    found = [item.callspec.params["scenario"] for item in request.session.items if item.parent is request.node]
    return sorted(found, key=lambda scenario: scenario.name not in FIRST)


@pytest.fixture(scope="module")
def engine(root: Path, chosen: list[Scenario]) -> Iterator[ServiceEngine]:
    served = tuple(scenario.reference for scenario in chosen)
    with engine_for(ORCHESTRATOR, str(root), served, service=True) as found:
        assert isinstance(found, ServiceEngine)
        yield found
    assert not marked(str(home_of(str(root), ORCHESTRATOR)))


@pytest.fixture(scope="module")
def checks(chosen: list[Scenario], engine: ServiceEngine, root: Path) -> Iterator[dict[str, Future[None]]]:
    """The check of every scenario that is tested, on its way."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        found = {one.name: workers.submit(check_behaviour, engine.adapter, one, root, engine) for one in chosen}
        wait(found.values())  # pytest changes the environment from test to test, which Prefect reads meanwhile
        yield found
        workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", marked_scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario_ends_as_on_the_local_runner(scenario: Scenario, checks: dict[str, Future[None]]) -> None:
    checks[scenario.name].result()

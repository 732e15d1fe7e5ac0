"""The kit, for every adapter that is installed here; where there is none, for the local runner's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.adapter import Adapter, find_adapter, find_adapters
from counterpoint.testing import (
    SCENARIOS,
    ConformanceSuite,
    LocalAdapter,
    Scenario,
    check_behaviour,
    check_round_trip,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(find_adapters()) or ["local"]
STREAMREC = Scenario("pipeline", "2026-01-07", {}, module="streamrec.pipeline")


def name_of(scenario: Scenario) -> str:
    return scenario.pipeline.name


@pytest.fixture(scope="session", params=NAMES)
def adapter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    with pytest.MonkeyPatch.context() as patch:
        # an orchestrator that is imported must not make a home of its own in the user's
        for name in ("AIRFLOW_HOME", "DAGSTER_HOME", "PREFECT_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        found = LocalAdapter() if request.param == "local" else find_adapter(request.param)
        found.translate(SCENARIOS[0].pipeline)
        return found


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


def test_protocol(adapter: Adapter) -> None:
    suite = type("Suite", (ConformanceSuite,), {"adapter": adapter})
    suite().test_protocol()


@pytest.mark.parametrize("scenario", [*SCENARIOS, STREAMREC], ids=name_of)
def test_round_trip(adapter: Adapter, scenario: Scenario) -> None:
    check_round_trip(adapter, scenario)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_behaviour(adapter: Adapter, scenario: Scenario, root: Path) -> None:
    check_behaviour(adapter, scenario, root)

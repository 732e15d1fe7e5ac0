"""The kit as a class of tests, which a test module of any adapter subclasses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from counterpoint.adapter import Adapter
from counterpoint.testing.conformance import check_behaviour, check_round_trip
from counterpoint.testing.scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.testing.scenario import Scenario


class ConformanceSuite:
    """All checks of the kit for one adapter, as pytest collects them; this module does not import pytest.

    In a test module of the adapter's own project::

        from counterpoint.testing import ConformanceSuite
        from my_adapter import ADAPTER


        class TestMyAdapter(ConformanceSuite):
            adapter = ADAPTER

    Each scenario is a case of its own: `pytest -k "behaviour and timeout"` runs one.
    """

    adapter: ClassVar[Adapter]
    scenarios: ClassVar[tuple[Scenario, ...]] = SCENARIOS

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Makes every scenario a test case."""
        if "scenario" in metafunc.fixturenames:
            metafunc.parametrize("scenario", self.scenarios, ids=lambda scenario: scenario.name)

    def test_protocol(self) -> None:
        """The adapter is an `Adapter` with a name and a distribution, and each of its limits has a reason."""
        assert isinstance(self.adapter, Adapter), "it is not a counterpoint.adapter.Adapter"  # noqa: S101
        assert self.adapter.name, "it has no name"  # noqa: S101
        assert self.adapter.distribution, "it does not say which distribution holds its orchestrator"  # noqa: S101
        without_reason = [limit.subject for limit in self.adapter.limits if not limit.reason]
        assert not without_reason, f"limits without a reason: {without_reason}"  # noqa: S101

    def test_round_trip(self, scenario: Scenario) -> None:
        """A translated pipeline can be read back with every property."""
        check_round_trip(self.adapter, scenario)

    def test_behaviour(self, scenario: Scenario, tmp_path: Path) -> None:
        """A run ends as it does on the local runner."""
        check_behaviour(self.adapter, scenario, tmp_path)

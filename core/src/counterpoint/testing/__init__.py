"""The conformance kit: what any adapter, also a stranger's, must do as the local runner does."""

from __future__ import annotations

from counterpoint.testing.conformance import check_behaviour, check_round_trip, check_schedules
from counterpoint.testing.differences import ConformanceError, Difference
from counterpoint.testing.local import LocalAdapter
from counterpoint.testing.scenarios import SCENARIOS, Scenario
from counterpoint.testing.suite import ConformanceSuite

__all__ = [
    "SCENARIOS",
    "ConformanceError",
    "ConformanceSuite",
    "Difference",
    "LocalAdapter",
    "Scenario",
    "check_behaviour",
    "check_round_trip",
    "check_schedules",
]

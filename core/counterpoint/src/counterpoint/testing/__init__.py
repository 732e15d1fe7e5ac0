"""The conformance kit: checks that any adapter, also a third party's, behaves like the local runner.

Its parts are imported on first use, because the step functions of scenarios need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.testing.conformance import check_behaviour, check_round_trip, check_schedules
    from counterpoint.testing.differences import ConformanceError, Difference
    from counterpoint.testing.local import LocalAdapter
    from counterpoint.testing.scenario import Scenario
    from counterpoint.testing.scenarios import SCENARIOS
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
_PLACES = {
    **dict.fromkeys(("check_behaviour", "check_round_trip", "check_schedules"), "conformance"),
    **dict.fromkeys(("ConformanceError", "Difference"), "differences"),
    "SCENARIOS": "scenarios",
    "Scenario": "scenario",
    "LocalAdapter": "local",
    "ConformanceSuite": "suite",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)

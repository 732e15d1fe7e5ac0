"""The real services of the orchestrators: starts them, waits until they are ready, calls and stops them."""

from __future__ import annotations

from counterpoint.services.engines import Engine, LocalEngine, ProcessEngine, ServiceEngine, engine_for
from counterpoint.services.service_environments import home_of, new_target, running_target
from counterpoint.services.supervisor import serving, stop_target

__all__ = [
    "Engine",
    "LocalEngine",
    "ProcessEngine",
    "ServiceEngine",
    "engine_for",
    "home_of",
    "new_target",
    "running_target",
    "serving",
    "stop_target",
]

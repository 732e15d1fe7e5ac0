"""The real services of the orchestrators: started, waited for, spoken to, stopped."""

from __future__ import annotations

from counterpoint.services.engines import Engine, LocalEngine, ProcessEngine, ServiceEngine, engine_for
from counterpoint.services.sites import home_of, new_site, running_site
from counterpoint.services.supervisor import serving, stop_site

__all__ = [
    "Engine",
    "LocalEngine",
    "ProcessEngine",
    "ServiceEngine",
    "engine_for",
    "home_of",
    "new_site",
    "running_site",
    "serving",
    "stop_site",
]

"""In which order DAGs move, what that takes, and what a pipeline means otherwise on another orchestrator."""

from __future__ import annotations

from counterpoint_migrate.plan.planning import plan
from counterpoint_migrate.plan.plans import Plan
from counterpoint_migrate.plan.settings import Settings, read_settings

__all__ = ["Plan", "Settings", "plan", "read_settings"]

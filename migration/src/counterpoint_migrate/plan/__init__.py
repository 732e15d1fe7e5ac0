"""In which order DAGs move, what that takes, and what a pipeline means otherwise on another orchestrator."""

from __future__ import annotations

from counterpoint_migrate.plan.planning import plan
from counterpoint_migrate.plan.plans import Bridge, Cycle, Move, Plan, Wave
from counterpoint_migrate.plan.settings import Settings, read_settings

__all__ = ["Bridge", "Cycle", "Move", "Plan", "Settings", "Wave", "plan", "read_settings"]

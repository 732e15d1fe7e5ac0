"""Moving away from Airflow: what a folder of DAGs holds, from its source alone, and in which order it moves."""

from __future__ import annotations

from counterpoint.migration.facts import Dag, Dependency, Group, Inventory, Task, Unresolved, Uses
from counterpoint.migration.folder import inventory
from counterpoint.migration.planning import plan
from counterpoint.migration.plans import Bridge, Cycle, Move, Plan, Wave
from counterpoint.migration.settings import Settings, read_settings

__all__ = [
    "Bridge",
    "Cycle",
    "Dag",
    "Dependency",
    "Group",
    "Inventory",
    "Move",
    "Plan",
    "Settings",
    "Task",
    "Unresolved",
    "Uses",
    "Wave",
    "inventory",
    "plan",
    "read_settings",
]

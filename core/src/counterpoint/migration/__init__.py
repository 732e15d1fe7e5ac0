"""Moving away from Airflow: what a folder of DAGs holds, from its source alone."""

from __future__ import annotations

from counterpoint.migration.facts import Dag, Dependency, Group, Inventory, Task, Unresolved, Uses
from counterpoint.migration.folder import inventory

__all__ = ["Dag", "Dependency", "Group", "Inventory", "Task", "Unresolved", "Uses", "inventory"]

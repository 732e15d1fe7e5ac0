"""What a folder of Airflow DAGs holds and what hangs together, from its source alone."""

from __future__ import annotations

from counterpoint_migrate.inventory.folder import inventory
from counterpoint_migrate.inventory.inventory_model import Dag, Dependency, Inventory, Task

__all__ = ["Dag", "Dependency", "Inventory", "Task", "inventory"]

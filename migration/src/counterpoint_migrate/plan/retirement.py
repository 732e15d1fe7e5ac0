"""DAGs that are better retired than moved: those that look after Airflow itself, and those that no longer run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.run_facts import own_tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Dag, Task
    from counterpoint_migrate.inventory.task_code import TaskCode
    from counterpoint_migrate.plan.plans import RunHistory

_IDLE = {"EmptyOperator", "DummyOperator", "LatestOnlyOperator", "EmailOperator"}


def reasons_to_retire(
    dags: Mapping[str, Sequence[Dag]], code: TaskCode, history: Mapping[str, RunHistory], days: int
) -> dict[str, str]:
    """The DAGs that are better retired than moved, each with the reason."""
    reasons = {
        key: (no_longer_runs(history[key], days) if key in history else None) or looks_after_airflow(same, code)
        for key, same in dags.items()
    }
    return {key: reason for key, reason in reasons.items() if reason is not None}


def looks_after_airflow(dags: Sequence[Dag], code: TaskCode) -> str | None:
    """Why DAGs are about Airflow itself and nothing else; None where they are not, or not only.

    Each task that does something uses Airflow's own tables, commands or logs, and none writes anything else.
    """
    working = [task for dag in dags for task in dag.tasks if not _idle(task)]
    uses = {task: sorted(set(own_tables_of(task, code))) for task in working}
    if not working or not all(uses.values()) or any(task.uses.writes or task.outlets for task in working):
        return None
    names = sorted({name for named in uses.values() for name in named})
    return f"it looks after Airflow itself ({', '.join(names[:3])}): retire it with Airflow, do not move it"


def no_longer_runs(history: RunHistory, days: int) -> str | None:
    """Why a DAG that has not run for some days may be retired; None where it has run, or is too new to tell."""
    if history.last is None:
        return "it has never run: ask its owner whether it may be retired"
    age = (datetime.now(UTC) - datetime.fromisoformat(history.last)).days
    if age <= days:
        return None
    return f"it has not run for {age} days (last on {history.last[:10]}): ask its owner whether it may be retired"


def _idle(task: Task) -> bool:
    return task.operator in _IDLE or task.kind in {"sensor", "task.sensor"}

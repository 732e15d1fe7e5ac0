"""Airflow says what DAG files mean: what the inventory states as certain is true, and nothing is lost silently."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "core" / "migration"))

from dagwriter import Writer

from counterpoint_migrate.inventory import inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint_migrate.inventory import Dag, Inventory, Task

pytest.importorskip("airflow.sdk")

DEFAULTS = {"owner": "airflow", "retries": 0, "pool": "default_pool", "queue": "default"}
OF_DAGS = {"dag_id", "generated_dags", "dag_factory", "generated_code", "too_much", "too_deep"}
OF_TASKS = {"loop", "task_id", "out_of_sight", "operator", "no_dag", "too_deep", "too_much"}


def teamlib() -> ModuleType:
    """A library outside the folder that makes tasks."""
    from airflow.providers.standard.operators.empty import EmptyOperator

    module = ModuleType("teamlib")

    class Steps:
        def __init__(self, dag: Any) -> None:
            self.dag = dag

        def fill(self) -> None:
            EmptyOperator(task_id="filled", dag=self.dag)

    module.__dict__.update(
        step=lambda name, dag: EmptyOperator(task_id=name, dag=dag),
        Steps=Steps,
        change=lambda names: names.append("changed"),
    )
    return module


def imported(text: str, name: str) -> dict[str, Any] | None:
    """The DAGs of a file by their ids, as Airflow has them; None where the file cannot be imported."""
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = name
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(text, f"{name}.py", "exec"), module.__dict__)  # noqa: S102 - what Airflow does with it
    except Exception:  # noqa: BLE001 - a file that Airflow refuses
        return None
    finally:
        DagContext.current_autoregister_module_name = None
        DagContext._context.clear() if hasattr(DagContext, "_context") else None
        del sys.modules[name]
    from airflow.sdk import DAG

    own = [value for value in module.__dict__.values() if isinstance(value, DAG)]
    return {dag.dag_id: dag for dag in (*(dag for dag, _ in DagContext.autoregistered_dags), *own)}


def certain(one: Dag | Task) -> bool:
    return one.literal and one.loop is None and one.condition is None


def faults(found: Inventory, real: dict[str, Any]) -> Iterator[str]:
    """What the inventory says falsely, or does not say."""
    told = {entry.kind for entry in found.unresolved}
    by_id: dict[str, list[Dag]] = {}
    for dag in found.dags:
        by_id.setdefault(dag.id, []).append(dag)
        if certain(dag) and dag.id not in real:
            yield f"there is no DAG {dag.id}"
    for dag_id, dag in real.items():
        listed = [one for one in by_id.get(dag_id, ()) if one.literal]
        if not listed and not told & OF_DAGS:
            yield f"DAG {dag_id} is lost"
        if len(listed) == 1 and certain(listed[0]):
            yield from (f"{dag_id}: {fault}" for fault in faults_of_dag(listed[0], dag, told))


def faults_of_dag(listed: Dag, real: Any, told: set[str]) -> Iterator[str]:
    schedule = listed.schedule
    if schedule["kind"] in {"cron", "preset", "none"} and schedule["value"] != real.schedule:
        yield f"its schedule is {real.schedule}, not {schedule['value']}"
    if schedule["kind"] == "unknown" and "schedule" not in told:
        yield "its schedule is not told"
    tasks = {task.id: task for task in listed.tasks}
    for task in listed.tasks:
        if certain(task) and task.id not in real.task_dict:
            yield f"there is no task {task.id}"
    for task_id, task in real.task_dict.items():
        if task_id not in tasks:
            if not told & OF_TASKS:
                yield f"task {task_id} is lost"
        elif certain(tasks[task_id]):
            yield from (f"{task_id}: {fault}" for fault in faults_of_task(tasks[task_id], task, told))
    yield from faults_of_edges(listed, real, told)


def faults_of_task(listed: Task, real: Any, told: set[str]) -> Iterator[str]:
    for name, default in DEFAULTS.items():
        value = listed.settings.get(name, default)
        said = name in listed.settings or "arguments" not in told
        if said and isinstance(value, str | int) and value != getattr(real, name):
            yield f"{name} is {getattr(real, name)}, not {value}"


def faults_of_edges(listed: Dag, real: Any, told: set[str]) -> Iterator[str]:
    sure = {task.id for task in listed.tasks if certain(task)}
    edges, unsure = set(listed.edges()), set(listed.conditional_edges())
    true = {(task.task_id, after) for task in real.tasks for after in task.downstream_task_ids}
    for before, after in edges - unsure - true:
        if {before, after} <= sure:
            yield f"there is no edge {before} -> {after}"
    for before, after in true - edges:
        if {before, after} <= sure and "edge" not in told:
            yield f"the edge {before} -> {after} is lost"


def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: range) -> Counter[str]:
    """Reads and imports files; counts what was certain, and fails where the two disagree."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    monkeypatch.setitem(sys.modules, "teamlib", teamlib())
    for seed in seeds:
        text = Writer(seed).text()
        for bit, name in enumerate(("EVAL_A", "EVAL_B", "EVAL_C", "EVAL_D")):
            monkeypatch.setenv(name, "yes" if seed >> bit & 1 else "")
        real = imported(text, f"written_{seed}")
        if real is None:
            counts["refused"] += 1
            continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "one.py").write_text(text, encoding="utf-8")
        found = inventory(folder)
        counts["files"] += 1
        counts["dags"] += len(real)
        counts["certain"] += sum(certain(dag) for dag in found.dags)
        counts["false alarms"] += sum(
            entry.kind == "out_of_sight" for entry in found.unresolved if "import teamlib" not in text
        )
        wrong += [f"seed {seed}: {fault}" for fault in faults(found, real)]
    assert wrong == []
    return counts


def test_a_hundred_files_mean_what_the_inventory_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = judged(tmp_path, monkeypatch, range(100))
    assert counts["false alarms"] == 0
    assert counts["refused"] < 20
    assert counts["certain"] > counts["dags"] * 0.6


def test_a_thousand_files_mean_what_the_inventory_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = int(os.environ.get("DAG_FILES_FROM", "1000"))
    counts = judged(tmp_path, monkeypatch, range(start, start + 1250))
    assert (counts["files"] >= 1000, counts["false alarms"]) == (True, 0)

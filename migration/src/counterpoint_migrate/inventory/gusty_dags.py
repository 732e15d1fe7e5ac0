"""DAGs that gusty makes from folders: a file for each task, `METADATA.yml` for the DAG."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import dags, edges, tasks
from counterpoint_migrate.inventory.inventory_model import Group, Task
from counterpoint_migrate.inventory.state import Module
from counterpoint_migrate.inventory.values import Unknown
from counterpoint_migrate.inventory.yaml_dags import make_yaml_task
from counterpoint_migrate.inventory.yaml_values import arguments_of, load

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from counterpoint_migrate.inventory.state import State

METADATA = ("METADATA.yml", "METADATA.yaml")
_FRONT = re.compile(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(?:\n(.*))?\Z", re.DOTALL)
_COMMENTED = re.compile(r"\s*#[ \t]*---[ \t]*\n((?:[ \t]*#[^\n]*\n)*?)[ \t]*#[ \t]*---", re.DOTALL)
_PYTHON = "airflow.operators.python.PythonOperator"
_SQL = "airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator"
_KINDS = (".yml", ".yaml", ".py", ".sql", ".ipynb", ".rmd")


def gusty_folders(files: Collection[str], named: Collection[str]) -> list[str]:
    """The outermost folders that are DAGs of gusty: with a METADATA file, or named by a loader."""
    folders = {posixpath.dirname(path) for path in files if posixpath.basename(path) in METADATA}
    folders |= {folder for folder in _folders(files) if folder and any(_ends(name, folder) for name in named)}
    return sorted(one for one in folders if not any(one != other and _inside(one, other) for other in folders))


def _folders(files: Collection[str]) -> set[str]:
    tasks_in = {posixpath.dirname(path) for path in files if path.endswith((".yml", ".yaml", ".sql"))}
    return {folder for folder in tasks_in if folder}


def _ends(name: str, folder: str) -> bool:
    return f"/{name.strip('/')}".endswith(f"/{folder}") or f"/{folder}".endswith(f"/{name.strip('/')}")


def _inside(folder: str, outer: str) -> bool:
    return folder.startswith(f"{outer}/")


def read_gusty(state: State, folder: str, files: Sequence[str], texts: Mapping[str, str]) -> None:
    """Notes the DAG of a folder."""
    metadata = next((f"{folder}/{name}" for name in METADATA if f"{folder}/{name}" in texts), None)
    given: dict[str, Any] = {}
    node = ast.Pass(lineno=1)
    if metadata is not None:
        try:
            document = load(texts[metadata])
            given = dict(document) if isinstance(document, dict) else {}
        except ValueError as error:
            state.unresolved("yaml", node, f"the settings of DAG {posixpath.basename(folder)} cannot be read: {error}")
    keywords = {**arguments_of(given), "dag_id": str(given.get("dag_id", posixpath.basename(folder)))}
    keywords["default_args"] = arguments_of(given.get("default_args") or {})
    if not {"schedule", "schedule_interval", "timetable"} & keywords.keys():
        keywords["schedule"] = Unknown(ast.Name(id="what_the_call_of_gusty_gives"))
    dag = dags.make_dag(state, "yaml", keywords, node)
    with state.around(dag):
        _read_tasks(state, folder, files, texts)


def _read_tasks(state: State, folder: str, files: Sequence[str], texts: Mapping[str, str]) -> None:
    groups: dict[str, Group] = {}
    made: dict[str, Task | Group] = {}
    specs: list[tuple[str, dict[str, Any], str]] = []
    for path in files:
        name, ending = posixpath.splitext(posixpath.basename(path))
        if not _inside(posixpath.dirname(path) + "/", folder) or ending.lower() not in _KINDS or name == "METADATA":
            continue
        spec = _spec(path, texts.get(path))
        if spec is None:
            if not path.endswith(".py"):
                detail = f"{path} is a task of DAG {posixpath.basename(folder)}, and is not understood"
                state.unresolved("yaml", ast.Pass(lineno=1), detail)
            continue
        specs.append((str(spec.pop("task_id", name)), spec, path))
    for name, spec, path in specs:
        inner = posixpath.dirname(path)[len(folder) + 1 :]
        group = _group(groups, inner)
        outer, state.module = state.module, Module(path)
        with state.around(group):
            made[name] = make_yaml_task(state, name, {**spec, "operator": _operator(spec, path)}, ast.Pass(lineno=1))
        state.module = outer
    made |= {inner.rpartition("/")[2]: group for inner, group in groups.items()}
    for name, spec, path in specs:
        for before in _names(spec.get("dependencies")):
            if before in made:
                edges.link(state, made[before], made[name], ast.Pass(lineno=1))
            else:
                state.unresolved("yaml", ast.Pass(lineno=1), f"{path} depends on {before}, which is not there")
        for dag_id, task_id in _external(spec.get("external_dependencies")):
            edges.link(state, _sensor(state, dag_id, task_id), made[name], ast.Pass(lineno=1))


def _group(groups: dict[str, Group], inner: str) -> Group | None:
    if not inner:
        return None
    return groups.setdefault(inner, Group(f"{inner.replace('/', '.')}."))


def _spec(path: str, text: str | None) -> dict[str, Any] | None:
    """The specification of a task: the whole file, or what stands between lines of `---` at its top."""
    if text is None:
        return None
    if path.endswith((".yml", ".yaml")):
        front, body = text, None
    elif path.endswith(".py"):
        match = _COMMENTED.match(text)
        if match is None:
            return None
        front, body = re.sub(r"(?m)^[ \t]*#[ ]?", "", match[1]), None
    else:
        match = _FRONT.match(text)
        if match is None:
            return None
        front, body = match[1], match[2]
    try:
        document = load(front)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return {**document, **({"sql": body} if body is not None and path.endswith(".sql") else {})}


def _operator(spec: Mapping[str, Any], path: str) -> str:
    given = spec.get("operator")
    if isinstance(given, str):
        return given.removeprefix("local.")
    return _SQL if path.endswith(".sql") else _PYTHON


def _names(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _external(value: Any) -> Iterator[tuple[str, str]]:
    """Pairs of a DAG and a task of it, `all` for the DAG as a whole."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            for dag_id, named in entry.items():
                yield from ((str(dag_id), task_id) for task_id in _names(named))


def _sensor(state: State, dag_id: str, task_id: str) -> Task:
    """The sensor that gusty makes for an external dependency, once."""
    name = f"wait_for_DAG_{dag_id}" if task_id == "all" else f"wait_for_{dag_id}_{task_id}"
    existing = next((task for task in (state.dag.tasks if state.dag else ()) if task.id == name), None)
    if existing is not None:
        return existing
    keywords = {"task_id": name, "external_dag_id": dag_id}
    keywords |= {} if task_id == "all" else {"external_task_id": task_id}
    operator = "airflow.sensors.external_task.ExternalTaskSensor"
    return tasks.make_task(state, operator, keywords, ast.Pass(lineno=1), tasks.How("sensor"))

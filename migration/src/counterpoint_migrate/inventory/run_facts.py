"""What code and templates of tasks ask of Airflow itself: the parameters of a run, its own tables, its commands."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.task_code import templates_of
from counterpoint_migrate.inventory.values import inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint_migrate.inventory.inventory_model import Task
    from counterpoint_migrate.inventory.task_code import TaskCode

_PARAMETERS = re.compile(r"\{[{%][^{}]*?(?<![\w.])(params|dag_run\.conf|task\.params|dag\.params)\b")
_CONTEXTS = {"context", "kwargs", "ctx", "ti_context", "get_current_context"}
_TABLES = (
    "DagRun TaskInstance TaskInstanceHistory XCom XComModel BaseXCom DagModel DagTag DagBag DagCode DagPickle"
    " DagWarning DagVersion SerializedDagModel TaskFail TaskReschedule TaskMap TaskLog Log SlaMiss ImportError"
    " ParseImportError RenderedTaskInstanceFields Job BaseJob Trigger DatasetEvent DatasetModel AssetEvent AssetModel"
    " Pool SlotPool DagScheduleDatasetReference DbCallbackRequest KnownEvent Chart"
)
_MODELS = re.compile(rf"airflow\.(?:models|jobs)\.(?:\w+\.)*(?:{'|'.join(_TABLES.split())})(?:\.|$)")
_DATABASE = re.compile(
    r"airflow\.(?:utils\.(?:session|db|db_cleanup)\.|settings\.(?:Session|engine|get_session|create_session)"
    r"|api\.common\.(?:experimental\.)?(?:delete_dag|mark_tasks))"
)
_METHODS = {"get_task_instances", "get_task_instance", "get_previous_dagrun"}
_CONNECTIONS = {"airflow_db", "airflow_metadata", "airflow_metadata_db"}
_COMMAND = re.compile(
    r"\bairflow\s+((?:db|tasks\s+(?:clear|state)|dags\s+(?:delete|pause|unpause|backfill|list\S*|report|reserialize)"
    r"|jobs|pools|users|roles|variables|connections|clear|delete_dag|resetdb|cleanup|info|config|kubernetes\s+cleanup\S*"
    r"|celery)\b(?:\s+[a-z][\w-]*)?)"
)
_LOGS = re.compile(
    r"AIRFLOW_HOME|AIRFLOW__\w*LOG_FOLDER|BASE_LOG_FOLDER|base_log_folder|/airflow/logs|airflow[\w/.-]*/logs"
)
_REMOVES = re.compile(r"-delete\b|\brm\s|\bfind\b|rmtree|\bunlink\b|os\.remove|logrotate")


def parameters_of(task: Task, code: TaskCode) -> Iterator[str]:
    """How a task asks for the parameters or the configuration of its run."""
    for text in templates_of(task):
        yield from (match[1] for match in _PARAMETERS.finditer(text))
    nodes = code.of(task).nodes
    arguments = getattr(nodes[0], "args", None) if nodes else None
    if isinstance(arguments, ast.arguments):
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        yield from (argument.arg for argument in every if argument.arg == "params")
    for node in nodes:
        if any(isinstance(inner, ast.Attribute) and inner.attr == "conf" for inner in ast.walk(node)):
            yield from ("dag_run.conf" for inner in ast.walk(node) if _names_run(inner))
        yield from ("params" for inner in ast.walk(node) if _takes_params(inner))


def _names_run(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value="dag_run") | ast.Name(id="dag_run") | ast.arg(arg="dag_run"):
            return True
        case ast.Attribute(attr="dag_run" | "get_dagrun"):
            return True
    return False


def _takes_params(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(value=holder, slice=ast.Constant(value="params")):
            return _is_context(holder)
        case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[ast.Constant(value="params"), *_]):
            return _is_context(holder)
    return False


def _is_context(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in _CONTEXTS
    return False


def own_tables_of(task: Task, code: TaskCode) -> Iterator[str]:
    """Which of Airflow's own tables and commands a task uses, or that it removes Airflow's log files."""
    yield from (f"connection {name}" for name in task.uses.connections & _CONNECTIONS)
    for text in _texts(task):
        yield from (f"command airflow {' '.join(match[1].split())}" for match in _COMMAND.finditer(text))
        if _LOGS.search(text) and _REMOVES.search(text):
            yield "Airflow's log files"
    whole = code.of(task)
    for node in whole.nodes:
        yield from _tables(node, whole.imports)
        source = ast.unparse(node)
        if _LOGS.search(source) and _REMOVES.search(source):
            yield "Airflow's log files"


def _texts(task: Task) -> Iterator[str]:
    for name, value in task.arguments.items():
        if "command" in name or name in {"cmds", "arguments"}:
            yield from (text for text in inside(value) if isinstance(text, str))
    yield from task.uses.files.values()


def _tables(node: ast.AST, imports: Mapping[str, str]) -> Iterator[str]:
    """Names of Airflow's models and sessions that code uses; annotations use nothing."""
    stack: list[ast.AST] = [node]
    while stack:
        inner = stack.pop()
        name = _full_name(inner, imports)
        if name and (_MODELS.match(name) or _DATABASE.match(name)):
            yield name
            continue
        if isinstance(inner, ast.Attribute) and inner.attr in _METHODS:
            yield inner.attr
        stack += [
            child
            for field, value in ast.iter_fields(inner)
            if field not in {"annotation", "returns"}
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]


def _full_name(node: ast.AST, imports: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return imports.get(node.id, "")
    if isinstance(node, ast.Attribute):
        holder = _full_name(node.value, imports)
        return f"{holder}.{node.attr}" if holder else ""
    return ""

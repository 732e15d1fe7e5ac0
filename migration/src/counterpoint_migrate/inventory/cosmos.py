"""Cosmos: a `DbtTaskGroup` or `DbtDag` holds the tasks that a dbt project has models for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import edges, tasks
from counterpoint_migrate.inventory.dbt_project import DbtNode, read_manifest, read_project
from counterpoint_migrate.inventory.inventory_model import Group, Task
from counterpoint_migrate.inventory.values import Made, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from counterpoint_migrate.inventory.state import State

NAMES = {"DbtTaskGroup", "DbtDag"}
_SELECTIONS = ("select", "exclude", "selector")


def expand(state: State, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.AST) -> None:
    """Notes the tasks of a dbt project in the DAG and group around; what is not known of them is told."""
    config = _project(args, keywords)
    nodes = _nodes(state, config, node)
    if nodes is None:
        return
    render = _config(keywords.get("render_config"))
    selection = {name: render[name] for name in _SELECTIONS if render.get(name)}
    shown = ", ".join(f"{name}={text_of(value)}" for name, value in selection.items())
    if selection:
        detail = f"RenderConfig({shown}) leaves out some of these {len(nodes)} nodes of the dbt project"
        state.unresolved("dbt", node, detail)
    tests = text_of(render.get("test_behavior", "")).rpartition(".")[2].upper()
    _make(state, nodes, tests, shown or None, node)


def names_project(args: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Whether a call names the dbt project that it makes tasks of."""
    return bool({"dbt_project_path", "manifest_path"} & _project(args, keywords).keys())


def _project(args: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The project that a call is given, by name or as the first configuration without a name."""
    unnamed = next((arg for arg in args if isinstance(arg, Made)), None)
    return _config(keywords.get("project_config", unnamed))


def _config(value: Any) -> dict[str, Any]:
    """The arguments of a configuration object by name."""
    if not isinstance(value, Made):
        return {}
    names = ("dbt_project_path",) if value.name.endswith("ProjectConfig") else ()
    return {**dict(zip(names, value.args, strict=False)), **value.keywords}


def _nodes(state: State, config: Mapping[str, Any], node: ast.AST) -> list[DbtNode] | None:
    """The nodes of the project that a configuration names; None where they are not known."""
    project = _below(state.facts.root, config.get("dbt_project_path"))
    manifest = _below(state.facts.root, config.get("manifest_path"))
    if manifest is None and project is not None and (project / "target" / "manifest.json").is_file():
        manifest = project / "target" / "manifest.json"
    if manifest is None and project is None:
        named = config.get("manifest_path", config.get("dbt_project_path"))
        where = text_of(named) if named is not None else "not given"
        state.unresolved("dbt", node, f"the dbt project of these tasks is not in this folder: {where}")
        return None
    try:
        return read_manifest(manifest) if manifest is not None else read_project(project)  # type: ignore[arg-type]
    except ValueError as error:
        state.unresolved("dbt", node, f"the dbt project of these tasks cannot be read: {error}")
        return None


def _below(root: Path, value: Any) -> Path | None:
    """The file or folder that a path of another machine means: its longest end that is there."""
    given = _path(value)
    if given is None:
        return None
    parts = [part for part in given.split("/") if part not in {"", "."}]
    for start in range(len(parts)):
        path = root.joinpath(*parts[start:])
        if ".." not in parts[start:] and path.exists():
            return path
    ends = [path.parent for path in sorted(root.rglob("dbt_project.yml")) if parts and path.parent.name == parts[-1]]
    return ends[0] if len(ends) == 1 else None


def _path(value: Any) -> str | None:
    """A path, or the constants in the expression of one: `Path(__file__).parent / "dbt" / "shop"`."""
    if isinstance(value, Made) and value.name == "pathlib.Path" and value.args and isinstance(value.args[0], str):
        return value.args[0]
    if isinstance(value, str):
        return value
    tree = getattr(value, "node", None)
    if tree is None:
        return None
    texts = [inner for inner in ast.walk(tree) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]
    texts.sort(key=lambda inner: (inner.lineno, inner.col_offset))
    return "/".join(str(inner.value).strip("/") for inner in texts) or None


def _make(state: State, nodes: Sequence[DbtNode], tests: str, condition: str | None, node: ast.AST) -> None:
    made = {dbt.name: _of_node(state, dbt, tests, node) for dbt in nodes}
    for dbt in nodes:
        for before in sorted(dbt.before):
            edges.link(state, made[before][-1], made[dbt.name][0], node)
    every = [task for both in made.values() for task in both]
    if tests == "AFTER_ALL":
        last = _task(state, "test", "DbtTestLocalOperator", node)
        followed = {before for dbt in nodes for before in dbt.before}
        edges.link(state, [both[-1] for name, both in made.items() if name not in followed], last, node)
        every.append(last)
    for task in every:
        task.condition = task.condition or condition


def _of_node(state: State, dbt: DbtNode, tests: str, node: ast.AST) -> list[Task]:
    """The task of a node, or in a group of its own that and the task of its tests."""
    operator = f"Dbt{'Build' if tests == 'BUILD' else dbt.kind.capitalize()}LocalOperator"
    if not dbt.tested or tests in {"NONE", "AFTER_ALL", "BUILD"}:
        kind = "build" if tests == "BUILD" else dbt.kind
        return [_noted(_task(state, f"{dbt.name}_{kind}", operator, node), dbt)]
    outer = state.groups[-1] if state.groups else Group("")
    group = Group(f"{outer.prefix}{dbt.name}.", defaults=outer.defaults)
    with state.around(group):
        run = _noted(_task(state, dbt.kind, operator, node), dbt)
        check = _task(state, "test", "DbtTestLocalOperator", node)
        edges.link(state, run, check, node)
    return [run, check]


def _task(state: State, name: str, operator: str, node: ast.AST) -> Task:
    return tasks.make_task(state, f"cosmos.operators.local.{operator}", {"task_id": name}, node, tasks.How("operator"))


def _noted(task: Task, dbt: DbtNode) -> Task:
    task.uses.reads |= dbt.reads
    task.uses.writes |= dbt.writes
    return task

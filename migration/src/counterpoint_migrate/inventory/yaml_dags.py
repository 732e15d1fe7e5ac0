"""DAGs that dag-factory makes from YAML files: they are read as if they were written in Python."""

from __future__ import annotations

import ast
import posixpath
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import dags, edges, tasks
from counterpoint_migrate.inventory.inventory_model import Group, Task, Unresolved
from counterpoint_migrate.inventory.values import Made
from counterpoint_migrate.inventory.yaml_values import arguments_of, line_of, load, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Dag
    from counterpoint_migrate.inventory.state import State

_DEFAULTS = ("default", "defaults")
_DEFAULTS_FILES = ("defaults.yml", "defaults.yaml")
_OF_A_TASK = {"operator", "decorator", "dependencies", "task_group_name", "task_id", "partial", "expand"}
_CALLABLES = ("python_callable_name", "python_callable")


def factory_files(root: Path, files: Sequence[str], note: Callable[[Unresolved], None]) -> dict[str, dict[str, Any]]:
    """The YAML files that hold DAGs of dag-factory, with their documents."""
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        try:
            document = load((root / path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            if "operator:" in _text(root / path):
                note(Unresolved(f"{path}:1", "yaml", f"it cannot be read, and may make DAGs: {error}"))
            continue
        if isinstance(document, dict) and any(True for _ in _dags_in(document)):
            found[path] = document
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _dags_in(document: Mapping[str, Any]) -> Iterator[str]:
    """The keys that are DAGs: those whose tasks name their operators or decorators."""
    for name, given in document.items():
        if name in _DEFAULTS or not isinstance(given, dict):
            continue
        specs = [spec for _, spec in _tasks_in(given)]
        if specs and all("operator" in spec or "decorator" in spec for spec in specs):
            yield name


def _tasks_in(given: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The tasks of a DAG: a mapping by id, or a list with their ids."""
    specs = given.get("tasks")
    if isinstance(specs, dict):
        return [(name, spec) for name, spec in specs.items() if isinstance(spec, dict)]
    if isinstance(specs, list):
        return [(str(spec.get("task_id", "")), spec) for spec in specs if isinstance(spec, dict)]
    return []


def defaults_above(root: Path, path: str) -> dict[str, Any]:
    """What `defaults.yml` beside a file or in the folders above says for all DAGs, the nearest last."""
    folder, found = posixpath.dirname(path), list[dict[str, Any]]()
    while True:
        for name in _DEFAULTS_FILES:
            try:
                document = load((root / folder / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            found.append(document if isinstance(document, dict) else {})
        if not folder:
            break
        folder = posixpath.dirname(folder)
    merged: dict[str, Any] = {}
    for document in reversed(found):
        merged = _merged(merged, document)
    return merged


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments over those that hold for all; default_args are merged, too."""
    own = {name: value for name, value in above.items() if name != "default"}
    both = [given.get("default_args") for given in (below, own)]
    merged = {**below, **own}
    if all(isinstance(one, dict) for one in both):
        merged["default_args"] = {**both[0], **both[1]}  # type: ignore[dict-item]
    return merged


def read_factory(state: State, document: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Notes the DAGs of one file."""
    shared = (document[name] for name in _DEFAULTS if isinstance(document.get(name), dict))
    own: dict[str, Any] = next(shared, {})
    for name in _dags_in(document):
        given = _merged(_merged(defaults, own), document[name])
        node = ast.Pass(lineno=line_of(document, name))
        keywords = {key: value for key, value in given.items() if key not in {"tasks", "task_groups", "default_args"}}
        keywords = {**arguments_of(keywords), "dag_id": str(given.get("dag_id", name))}
        keywords["default_args"] = arguments_of(given.get("default_args") or {})
        keywords |= {key: _assets(keywords[key], node) for key in ("schedule", "schedule_interval") if key in keywords}
        dag = dags.make_dag(state, "yaml", keywords, node)
        with state.around(dag):
            _read_tasks(state, dag, given, document[name])


def _read_tasks(state: State, dag: Dag, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    specs, groups = _tasks_in(given), _groups(given)
    made: dict[str, Task | Group] = dict(groups)
    for name, spec in specs:
        group = groups.get(str(spec.get("task_group_name", "")))
        with state.around(group):
            made[name] = make_yaml_task(state, name, spec, ast.Pass(lineno=line_of(own.get("tasks"), name)))
    group_specs = given.get("task_groups")
    wanted = [*specs, *(group_specs.items() if isinstance(group_specs, dict) else ())]
    for name, spec in wanted:
        for before in _listed(spec.get("dependencies") if isinstance(spec, dict) else None):
            if before in made and name in made:
                edges.link(state, made[before], made[name], ast.Pass(lineno=1))
            else:
                place = ast.Pass(lineno=line_of(own.get("tasks"), name))
                state.unresolved("yaml", place, f"{name} of DAG {dag.id} depends on {before}, which is not there")


def _groups(given: Mapping[str, Any]) -> dict[str, Group]:
    specs = given.get("task_groups")
    if isinstance(specs, list):
        names = [str(spec.get("group_name", spec.get("group_id"))) for spec in specs if isinstance(spec, dict)]
        return {name: Group(f"{name}.") for name in names}
    if not isinstance(specs, dict):
        return {}
    return {
        name: Group(
            f"{name}." if not (isinstance(spec, dict) and spec.get("prefix_group_id") is False) else "",
            defaults=arguments_of(spec.get("default_args") or {}) if isinstance(spec, dict) else {},
        )
        for name, spec in specs.items()
    }


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [value] if isinstance(value, str) else []


def make_yaml_task(state: State, name: str, spec: Mapping[str, Any], node: ast.AST) -> Task:
    """Notes the task of a specification: an operator by its full name, or a decorated function."""
    keywords = {key: value for key, value in spec.items() if key not in _OF_A_TASK}
    for inner in ("partial", "expand"):
        keywords |= spec[inner] if isinstance(spec.get(inner), dict) else {}
    keywords = {**arguments_of(keywords), "task_id": name}
    keywords |= {side: _assets(keywords[side], node) for side in ("outlets", "inlets") if side in keywords}
    mapped = arguments_of(spec["expand"]) if isinstance(spec.get("expand"), dict) else None
    function = next((str(spec[key]) for key in _CALLABLES if isinstance(spec.get(key), str)), None)
    operator, decorator = spec.get("operator"), spec.get("decorator")
    if operator is None and isinstance(decorator, str):
        kind = decorator.partition("decorators.")[2] or decorator.rpartition(".")[2]
        how = tasks.How(kind if kind.startswith("task") else f"task.{kind}", function, mapped)
        return tasks.make_task(state, f"airflow.sdk.{kind}", keywords, node, how)
    how = tasks.How(tasks.kind_of(str(operator)), function, mapped)
    return tasks.make_task(state, str(operator), keywords, node, how)


def _assets(value: Any, node: ast.AST) -> Any:
    """URIs in a schedule or in outlets, as assets; anything else as it is."""
    if isinstance(value, dict):
        uris = [uri for name in ("datasets", "assets", "uris", "uri") for uri in _listed(value.get(name))]
        return [_asset(uri, node) for uri in uris] or value_of(value)
    if isinstance(value, list):
        return [_asset(one, node) if isinstance(one, str) else _assets(one, node) for one in value]
    return value


def _asset(uri: str, node: ast.AST) -> Made:
    return Made("airflow.sdk.Asset", [uri], {}, node)

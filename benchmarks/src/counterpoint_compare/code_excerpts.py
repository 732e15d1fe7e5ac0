"""The same property of a pipeline in the code of each side, taken unchanged from the files."""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = "counterpoint"
# side: the module that defines the pipeline
MODULES = {
    OURS: "streamrec.pipeline",
    "airflow": "byhand.airflow_taskflow",
    "dagster": "byhand.dagster_assets",
    "prefect": "byhand.prefect_flow",
}


@dataclass(frozen=True, slots=True)
class Concept:
    """A property, and by side the top-level names, or the first arguments of calls, whose code implements it."""

    title: str
    promise: str
    where: Mapping[str, tuple[str, ...]]


CONCEPTS = (
    Concept(
        "Retry",
        "Training has three attempts, with growing delays and jitter. Errors that a retry cannot fix are not retried.",
        {
            OURS: ("TRAINING_RETRY",),
            "airflow": ("UnlessDataIsBad", "TRAINING"),
            "dagster": ("TRAINING_RETRY", "_final_errors"),
            "prefect": ("may_retry", "training"),
        },
    ),
    Concept(
        "Window",
        "Training reads the six validated days before its own day, and does not start until all six exist.",
        {
            OURS: ("TRAINING_DAYS",),
            "airflow": ("window",),
            "dagster": ("TRAINING_DAYS", "model"),
            "prefect": ("training_features",),
        },
    ),
    Concept(
        "Trigger rule and gate",
        "The gate runs even if a model or its evaluation failed. It registers what passed; the run still fails.",
        {
            OURS: ("streamrec.registration:registered_models",),
            "airflow": ("registered_models", "watcher"),
            "dagster": ("registered_models", "_succeeded", "register_all_the_same"),
            "prefect": ("registered_models", "streamrec"),
        },
    ),
    Concept(
        "Alert",
        "A step that fails after its last attempt sends one alert to its owner.",
        {OURS: (), "airflow": ("tell_failure",), "dagster": ("tell",), "prefect": ("tell_failed", "tell_crashed")},
    ),
)


def files() -> dict[str, Path]:
    """The file of each side's module, without importing it; empty if one of them is not installed."""
    with suppress(ImportError):
        specs = {side: find_spec(module) for side, module in MODULES.items()}
        return {side: Path(spec.origin) for side, spec in specs.items() if spec and spec.origin}
    return {}


def concepts(module_files: Mapping[str, Path] | None = None) -> list[dict[str, Any]]:
    """Each property with the code of each side, as JSON values; empty if a side's module is not installed.

    Args:
        module_files: the file of each side's module; by default the installed ones.

    Raises:
        UsageError: a name is no longer in its file.
    """
    module_files = files() if module_files is None else module_files
    if len(module_files) < len(MODULES):
        return []
    sources = {side: file.read_text(encoding="utf-8") for side, file in module_files.items()}
    labels = {side: f"{file.parent.name}/{file.name}" for side, file in module_files.items()}
    return [
        {
            "title": concept.title,
            "promise": concept.promise,
            "code": [
                {"side": side, "file": labels[side], "text": _code(sources[side], names, labels[side])}
                for side, names in concept.where.items()
            ],
        }
        for concept in CONCEPTS
    ]


def _code(source: str, names: tuple[str, ...], file: str) -> str:
    tree = ast.parse(source)
    nodes: dict[str, ast.AST] = {name: node for node in tree.body for name in _names(node)}
    nodes |= {name: call for call in ast.walk(tree) if (name := _first_argument(call))}
    missing = [name for name in names if name not in nodes]
    if missing:
        raise UsageError(f"{file} no longer has {missing[0]!r}: update counterpoint_compare.code_excerpts")
    return "\n\n".join(_text(source, nodes[name]) for name in names)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _first_argument(node: ast.AST) -> str | None:
    """The first argument of a call, if it is a string."""
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        value = node.args[0].value
        return value if isinstance(value, str) else None
    return None


def _text(source: str, node: Any) -> str:
    """The source lines of a node including its decorators, without their common indentation."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    lines = source.splitlines()[first - 1 : node.end_lineno]
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines).rstrip(",")

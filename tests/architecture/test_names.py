"""The public names: exported, sorted, existing, described."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

import pytest

import counterpoint
from counterpoint import errors

if TYPE_CHECKING:
    from pathlib import Path

ERRORS = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.CounterpointError)
}
PACKAGES = sorted(module.name for module in pkgutil.iter_modules(counterpoint.__path__) if module.ispkg)


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_exist_and_are_described(name: str) -> None:
    package = importlib.import_module(f"counterpoint.{name}")
    public = [getattr(package, public) for public in getattr(package, "__all__", ())]
    described = [value for value in public if inspect.isclass(value) or inspect.isfunction(value)]
    assert [value.__name__ for value in described if not inspect.getdoc(value)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_imports_is_what_it_exports(root: Path, name: str) -> None:
    tree = ast.parse((root / f"core/counterpoint/src/counterpoint/{name}/__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
        later = [node for top in tree.body if isinstance(top, ast.If) for node in top.body]
        imported = {alias.name for node in later if isinstance(node, ast.ImportFrom) for alias in node.names}
    exported = [ast.literal_eval(node.value) for node in tree.body if assigns(node, "__all__")]
    assert imported == set(*exported)


def assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name


def test_the_tree_in_the_docstring_is_the_tree_of_errors() -> None:
    drawn = {word for word in (errors.__doc__ or "").split() if word.endswith("Error")}
    assert drawn == set(ERRORS)


def test_every_error_says_when_it_is_raised() -> None:
    assert [name for name, error in ERRORS.items() if len((error.__doc__ or "").split()) < 4] == []

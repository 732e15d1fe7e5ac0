"""References to functions by `module:name`, whose parameters are read from the source without importing it.

A scheduler loads the description of a pipeline every few seconds; it must not pay for Polars or torch.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable


def reference_of(function: Callable[..., Any]) -> str:
    """The `module:name` of a function, usable in any process that can import its module.

    Raises:
        DefinitionError: the function is local to another one, or a lambda.
    """
    if "<" in function.__qualname__:
        raise DefinitionError(
            f"{function.__qualname__} in {function.__module__} cannot be found from another process:"
            " define the step's function at the top level of a module"
        )
    return f"{function.__module__}:{function.__qualname__}"


def load(reference: str) -> Any:
    """The object that `module:name` refers to.

    Raises:
        DefinitionError: no such module, or it has no such name.
    """
    module, _, name = reference.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise DefinitionError(f"{reference!r} names nothing: write package.module:name")
    try:
        found = reduce(getattr, name.split("."), importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise DefinitionError(f"{reference}: {error}; install the package that holds it") from error
    except AttributeError as error:
        raise DefinitionError(f"{reference}: {error}; name a function as 'package.module:function'") from error
    # a decorated function stands in its module as the Step that was made of it
    return getattr(found, "wrapped", None) or found


@cache
def source_of(module: str) -> str:
    """The source text of a module, found without importing it or its parents.

    Raises:
        DefinitionError: the module is not installed.
    """
    path = path_of(module)
    if path is None:
        raise DefinitionError(f"module {module!r} cannot be found: install the package that holds it")
    return path.read_text(encoding="utf-8")


def path_of(module: str) -> Path | None:
    """The file of a module, or None; nothing is imported to find it."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and Path(spec.origin).is_file() else None
    for folder in spec.submodule_search_locations or ():
        base = Path(folder).joinpath(*rest)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


@cache
def _tree(module: str) -> ast.Module:
    """The parsed source of a module."""
    return ast.parse(source_of(module))


@cache
def parameters_of(reference: str) -> tuple[str, ...]:
    """The parameter names of a function, from its source.

    Raises:
        DefinitionError: the module or the function is not there.
    """
    arguments = _definition(reference).args
    return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def _definition(reference: str) -> ast.FunctionDef:
    module, _, name = reference.partition(":")
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise DefinitionError(f"{reference}: {module} defines no function {name!r} at its top level")


def returns_nothing(function: Callable[..., Any] | str) -> bool:
    """Whether a function, or a `module:name` reference, is annotated as returning None."""
    if isinstance(function, str):
        returns = _definition(function).returns
        return isinstance(returns, ast.Constant) and returns.value in (None, "None")
    return inspect.signature(function).return_annotation in (None, "None")


def parameters(function: Callable[..., Any] | str) -> tuple[str, ...]:
    """The parameter names of a function or of a `module:name` reference."""
    return parameters_of(function) if isinstance(function, str) else tuple(inspect.signature(function).parameters)


@cache
def code_digest(reference: str) -> str:
    """A digest of the source of the module that holds a function, and of its siblings that it imports.

    Two runs with equal code digests ran the same code of that package; imports of other packages count by
    their versions, in the lineage.
    """
    module = reference.partition(":")[0]
    digest = hashlib.sha256()
    for name in sorted(_closure(module)):
        digest.update(name.encode() + b"\0" + source_of(name).encode() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _closure(module: str) -> set[str]:
    seen, todo = set[str](), [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += _siblings(name)
    return seen


@cache
def _siblings(module: str) -> tuple[str, ...]:
    """The modules of the same top-level package that a module imports."""
    found: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    package = module.partition(".")[0]
    return tuple(name for name in found if name.partition(".")[0] == package and path_of(name))

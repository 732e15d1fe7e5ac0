"""References to functions by `module:name`, whose parameters are read from the source without importing it.

A scheduler loads the description of a pipeline every few seconds, which must not import Polars or PyTorch.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import sysconfig
import traceback
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError
from counterpoint.model.code.finding import path_of
from counterpoint.model.code.loaded import loading
from counterpoint.model.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable


# what the code of a module that is imported raises by mistake; another error may pass with a retry
_MISTAKES = (ImportError, AttributeError, NameError, SyntaxError, TypeError)


def reference_of(function: Callable[..., Any]) -> str:
    """The `module:name` of a function, usable in any process that can import its module.

    Raises:
        DefinitionError: The function is local to another one, or a lambda.
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
        DefinitionError: There is no such module, or it has no such name.
    """
    module, _, name = reference.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise DefinitionError(f"{reference!r} names nothing: write package.module:name")
    try:
        with loading():
            imported = importlib.import_module(module)
    except _MISTAKES as error:
        raise _not_imported(reference, error) from error
    try:
        target = reduce(getattr, name.split("."), imported)
    except AttributeError as error:
        raise DefinitionError(f"{reference}: {error}; name a function as 'package.module:function'") from error
    # in its module, a decorated function is the Step that was made from it
    return getattr(target, "wrapped", None) or target


def _not_imported(reference: str, error: Exception) -> DefinitionError:
    """The error about a module that cannot be imported here; names the line at fault and the fix."""
    module, place = reference.partition(":")[0], _place(error)
    if isinstance(error, ModuleNotFoundError):
        is_itself = bool(error.name) and f"{module}.".startswith(f"{error.name}.")
        importer = "" if is_itself or not place else f" ({place} imports it)"
        return DefinitionError(f"{reference}: {error}; install the package that holds it into {sys.prefix}{importer}")
    failed = f"{module} cannot be imported: {type(error).__name__}: {error}"
    definition_error = DefinitionError(f"{reference}: {failed}; repair {place or 'that module'}")
    definition_error.failure = "code_bug"
    return definition_error


def _place(error: Exception) -> str:
    """The innermost line of a file at which an import failed; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    files = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    inner = [(name, line) for name, line in files if name != __file__ and not _is_standard(name)]
    return "{}:{}".format(*inner[-1]) if inner else ""


def _is_standard(file: str) -> bool:
    """Whether a file belongs to Python itself, where nobody repairs a line."""
    return file.startswith(("<frozen ", sysconfig.get_path("stdlib"))) and "site-packages" not in file


def source_of(module: str) -> str:
    """The source text of a module, found without importing it or its parents.

    Raises:
        DefinitionError: The module is not installed.
    """
    path = path_of(module)
    if path is None:
        raise DefinitionError(f"module {module!r} cannot be found: install the package that holds it")
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def parameters_of(reference: str) -> tuple[str, ...]:
    """The parameter names of a function, from its source.

    Raises:
        DefinitionError: The module or the function does not exist.
    """
    arguments = _definition(reference).args
    return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def _definition(reference: str) -> ast.FunctionDef:
    module, _, name = reference.partition(":")
    nodes = [node for node in _tree(source_of(module)).body if isinstance(node, ast.FunctionDef)]
    for node in nodes:
        if node.name == name:
            return node
    hint = suggest(name, [node.name for node in nodes]) if nodes else "it defines none"
    raise DefinitionError(
        f"{reference}: {module} defines no function {name!r} at its top level ({path_of(module)}): {hint}"
    )


def returns_nothing(function: Callable[..., Any] | str) -> bool:
    """Whether a function, or a `module:name` reference, is annotated as returning None."""
    if isinstance(function, str):
        returns = _definition(function).returns
        return isinstance(returns, ast.Constant) and returns.value in (None, "None")
    return inspect.signature(function).return_annotation in (None, "None")


def parameters(function: Callable[..., Any] | str) -> tuple[str, ...]:
    """The parameter names of a function or of a `module:name` reference."""
    return parameters_of(function) if isinstance(function, str) else tuple(inspect.signature(function).parameters)

"""What the code of a run's steps was made of: its modules, and a digest of each function in them."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from counterpoint.model.code import step_reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from counterpoint.model import Pipeline
    from counterpoint.model.code import Reach

# the statements of a module that are no function and no class
MODULE = "<module>"
# of a function: it tells two states of one function apart, and is no proof of anything
_DIGITS = 16


def sources_of(pipeline: Pipeline, checkout: Path | None) -> dict[str, Any]:
    """The modules that any step reaches, by name.

    Args:
        pipeline: The pipeline.
        checkout: The folder of the checkout that holds its code, or None.

    Returns:
        By module `digest` (of the file), `file` (relative to the checkout; None outside of it) and `functions`: by
        qualified name a digest of the syntax tree, so that comments and layout do not count.
    """
    reaches = [step_reach(step) for step in pipeline.steps]
    files = {name: file for reach in reaches for name, file in reach.files.items()}
    own = {name: digest for reach in reaches for name, digest in reach.own.items()}
    return {name: _module(own[name], files.get(name), checkout) for name in sorted(own)}


def reach_of_steps(pipeline: Pipeline) -> dict[str, Any]:
    """By step the names of the modules that it reaches, and the versions of the distributions that these import."""
    return {step.name: _reach(step_reach(step)) for step in pipeline.steps}


def _reach(reach: Reach) -> dict[str, Any]:
    return {"modules": sorted(reach.own), "versions": dict(sorted(reach.versions.items()))}


def _module(digest: str, file: Path | None, checkout: Path | None) -> dict[str, Any]:
    inside = file is not None and checkout is not None and file.resolve().is_relative_to(checkout)
    return {
        "digest": digest,
        "file": file.resolve().relative_to(checkout).as_posix() if inside and file and checkout else None,
        "functions": functions_in(file.read_bytes()) if file and file.suffix == ".py" else {},
    }


def functions_in(source: bytes) -> Mapping[str, str]:
    """A digest of each function and method of a source, by qualified name; what cannot be parsed has none."""
    return dict(_functions(source))


@lru_cache(maxsize=512)
def _functions(source: bytes) -> tuple[tuple[str, str], ...]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    return tuple(sorted(_of_body(tree.body, "", MODULE)))


def _of_body(body: list[ast.stmt], prefix: str, rest: str) -> Iterator[tuple[str, str]]:
    """The functions of a body; what else stands in it counts as `rest`."""
    others: list[ast.AST] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", _digest([node])
        elif isinstance(node, ast.ClassDef):
            yield from _of_body(node.body, f"{prefix}{node.name}.", f"{prefix}{node.name}")
            others += [*node.bases, *node.keywords, *node.decorator_list]
        elif not _is_text(node):
            others.append(node)
    if others:
        yield rest, _digest(others)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _digest(nodes: list[ast.AST]) -> str:
    text = "\n".join(map(ast.dump, nodes))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]

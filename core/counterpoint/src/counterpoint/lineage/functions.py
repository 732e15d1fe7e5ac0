"""A digest of each function of a source, kept below a local root by the content of the source.

Parsing the sources of a pipeline takes 0.2 s, and every run needs their digests. What is kept is found by the sha256 of
the bytes that are there now, and only for the Python that made it, so it cannot be of another state of a source.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.files import put
from counterpoint.storage import layout
from counterpoint.storage.shapes import fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# the statements of a module that are no function and no class
MODULE = "<module>"
# of a function: it tells two states of one function apart, and is no proof of anything
_DIGITS = 16
# what a digest is made of; another one makes what is kept useless
_FORM = 1


def functions_of(
    sources: Mapping[str, bytes], root: str | None = None, pipeline: str = ""
) -> dict[str, Mapping[str, str]]:
    """A digest of each function and method of some sources, by the name of the source and the qualified name.

    Args:
        sources: The content of each source, by name.
        root: The root below which digests are kept; None, or no local folder: they are not kept.
        pipeline: The name of the pipeline, for the file.
    """
    file = Path(root) / layout.read_functions(pipeline) if root and "://" not in root else None
    kept, digests = _kept(file), {name: hashlib.sha256(content).hexdigest() for name, content in sources.items()}
    read = {digest: kept[digest] if digest in kept else functions_in(sources[name]) for name, digest in digests.items()}
    if file and read.keys() - kept.keys():
        with suppress(OSError):  # without the file the next run only takes longer
            file.parent.mkdir(parents=True, exist_ok=True)
            put(file, json.dumps({"made_by": _made_by(), "sources": {key: dict(of) for key, of in read.items()}}))
    return {name: read[digest] for name, digest in digests.items()}


def _made_by() -> str:
    return f"{platform.python_implementation()} {platform.python_version()} {_FORM}"


def _kept(file: Path | None) -> Mapping[str, Mapping[str, str]]:
    stored: Any = None
    with suppress(OSError, ValueError):
        stored = parsed(file.read_bytes()) if file else None
    is_whole = fits(stored, {"made_by": str, "sources": {str: {str: str}}})
    return stored["sources"] if is_whole and stored["made_by"] == _made_by() else {}


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

"""The imports of a source file, in any form, and the places in it that cannot be followed."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reads(StrEnum):
    """What a place that cannot be followed may reach: other code, or files."""

    CODE = "code"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Import:
    """`from module import names`, with `level` dots before the module; no names for `import module`."""

    level: int
    module: str
    names: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that cannot be followed: its line, the expression there, and why."""

    line: int
    text: str
    why: str
    reads: Reads = Reads.CODE


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a source; `exported` is its `__all__`, None if that is computed."""

    imports: tuple[Import, ...] = ()
    spots: tuple[Spot, ...] = ()
    exported: tuple[str, ...] | None = ()
    extends_path: bool = False


_BY_NAME = "imports a module by a computed name"
_FROM_FILE = "loads code from a file"
_SEARCH = "changes where modules are searched for"
_NATIVE = "loads a native library"
_RUNS = "runs code that is made at run time"
_PROGRAM = "starts another program"
_BESIDE = "reads files that belong to the code"
_IMPORTERS = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__"})
_RUNNERS = frozenset({"builtins.exec", "builtins.eval"})
_CHANGES = ("append", "insert", "extend", "remove", "pop", "clear", "reverse", "sort")
_CODE = {
    **dict.fromkeys(_IMPORTERS, _BY_NAME),
    "pkgutil.resolve_name": _BY_NAME,
    "importlib.metadata.entry_points": _BY_NAME,
    **dict.fromkeys(_RUNNERS, _RUNS),
    **dict.fromkeys(("runpy.run_path", "runpy.run_module", "importlib.util.spec_from_file_location"), _FROM_FILE),
    **{f"importlib.machinery.{name}FileLoader": _FROM_FILE for name in ("Source", "Sourceless", "Extension")},
    **{f"sys.{what}": _SEARCH for what in ("meta_path", "path_hooks")},
    **{f"sys.path.{change}": _SEARCH for change in _CHANGES},
    **{f"builtins.__path__.{change}": _SEARCH for change in _CHANGES},
    "site.addsitedir": _SEARCH,
    **{f"ctypes.{name}": _NATIVE for name in ("CDLL", "PyDLL", "cdll", "pydll")},
}
_FILES = {
    "builtins.__file__": _BESIDE,
    "pkgutil.get_data": _BESIDE,
    **{f"subprocess.{name}": _PROGRAM for name in ("run", "call", "check_call", "check_output", "Popen", "getoutput")},
    **{f"os.{name}": _PROGRAM for name in ("system", "popen", "execv", "execvp", "execve", "spawnv", "posix_spawn")},
}
# names that have the same effect when they are passed on under another name
_WHOLE = {"importlib": _BY_NAME, "runpy": _FROM_FILE}
_STORED = {"sys.path", "sys.modules", "builtins.__path__"}
_BUILTIN = frozenset({"exec", "eval", "__import__", "__file__", "__path__"})
_LONGEST = 60


def facts(source: bytes) -> Facts:
    """The facts about a source; for one that this Python cannot parse, only that."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        version = "{}.{}".format(*sys.version_info)
        return Facts(spots=(Spot(1, "", f"cannot be parsed by Python {version}"),))
    extends = b"extend_path" in source or b"declare_namespace" in source
    reader = _Reader(extends_path=extends)
    reader.read(tree)
    first = {(entry.level, entry.module, entry.names): entry for entry in reversed(reader.imports)}
    return Facts(tuple(first.values()), tuple(dict.fromkeys(reader.spots)), _exported(tree), extends)


class _Reader(ast.NodeVisitor):
    """Collects the imports first, because a name may be used above the import that binds it."""

    def __init__(self, *, extends_path: bool) -> None:
        self.imports: list[Import] = []
        self.spots: list[Spot] = []
        self.bound: dict[str, set[tuple[int, str]]] = {}
        self.extends_path = extends_path

    def read(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in _BUILTIN:
                self.bound.setdefault(node.name, set())
        self.visit(tree)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.append(Import(0, alias.name, (), node.lineno))
            target = alias.name if alias.asname else alias.name.partition(".")[0]
            self.bound.setdefault(alias.asname or target, set()).add((0, target))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self.imports.append(Import(node.level, module, tuple(alias.name for alias in node.names), node.lineno))
        for alias in node.names:
            target = f"{module}.{alias.name}".strip(".")
            self.bound.setdefault(alias.asname or alias.name, set()).add((node.level, target))

    def visit_Call(self, node: ast.Call) -> None:
        called = self._absolute(node.func)
        literal = _literal_import(node) if called & _IMPORTERS else None
        if literal:
            self.imports.append(literal)
        elif called & _RUNNERS and (inner := _literal_code(node)):
            _shift(inner, node.lineno)
            self.read(inner)
        elif called & (_CODE.keys() | _FILES.keys()):
            self._judge(node, called)
        else:
            self.visit(node.func)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        targets = self._targets(node)
        if not targets:
            self.visit(node.value)
        for level, dotted in targets:
            # a submodule that other code has imported is available as an attribute
            self.imports.append(Import(level, dotted, (), node.lineno))
        self._judge(node, self._absolute(node))

    def visit_Name(self, node: ast.Name) -> None:
        absolute = self._absolute(node)
        self._judge(node, absolute)
        for name in absolute & set(_WHOLE):
            self._note(node, _WHOLE[name], Reads.CODE)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and self._absolute(node.value) & _STORED:
            self._note(node, _SEARCH, Reads.CODE)
        self.generic_visit(node)

    def _judge(self, node: ast.expr, names: set[str]) -> None:
        is_changed = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        for name in names:
            if name in _CODE:
                self._note(node, _CODE[name], Reads.CODE)
            elif name in _FILES or name.startswith(("importlib.resources.", "importlib_resources.")):
                self._note(node, _FILES.get(name, _BESIDE), Reads.FILES)
            elif name in _STORED and is_changed and not (self.extends_path and name.endswith("__path__")):
                self._note(node, _SEARCH, Reads.CODE)

    def _note(self, node: ast.expr, why: str, reads: Reads) -> None:
        text = ast.unparse(node)
        self.spots.append(Spot(node.lineno, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", why, reads))

    def _absolute(self, node: ast.expr) -> set[str]:
        return {dotted for level, dotted in self._targets(node) if not level}

    def _targets(self, node: ast.expr) -> set[tuple[int, str]]:
        """The possible targets of a dotted expression, by the imports that bind its first name."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return set()
        own = {(0, f"builtins.{node.id}")} if node.id in _BUILTIN else set[tuple[int, str]]()
        return {(level, ".".join([base, *reversed(attributes)])) for level, base in self.bound.get(node.id, own)}


def _literal_import(node: ast.Call) -> Import | None:
    """The import of a call of `import_module` or `__import__` with literal arguments, or None."""
    names = ("name", "globals", "locals", "fromlist", "level")
    arguments = dict(zip(names, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
    name = _value(arguments.get("name"))
    if not isinstance(name, str) or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    if name.startswith("."):
        return _relative(name, arguments.get("package", arguments.get("globals")), node.lineno)
    imported = _value(arguments["fromlist"]) if "fromlist" in arguments else ()
    level = _value(arguments["level"]) if "level" in arguments else 0
    if not isinstance(imported, list | tuple) or not isinstance(level, int):
        return None
    return Import(level, name, tuple(map(str, imported)), node.lineno)


def _relative(name: str, package: ast.expr | None, line: int) -> Import | None:
    relative_name = name.lstrip(".")
    level, base = len(name) - len(relative_name), _value(package)
    if isinstance(base, str):
        parts = base.split(".")
        parents = parts[: len(parts) - level + 1]
        return Import(0, ".".join([*parents, relative_name]).strip("."), (), line)
    package_text = ast.unparse(package) if package else ""
    return (
        Import(level, relative_name, (), line)
        if package_text in {"__package__", "__name__", "__spec__.parent"}
        else None
    )


def _value(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node else None
    except (ValueError, TypeError, SyntaxError):
        return None


def _literal_code(node: ast.Call) -> ast.Module | None:
    text = _value(node.args[0]) if node.args else None
    try:
        return ast.parse(text.strip()) if isinstance(text, str) else None
    except SyntaxError:
        return None


def _shift(tree: ast.AST, line: int) -> None:
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = line


def _exported(tree: ast.Module) -> tuple[str, ...] | None:
    """The names of `__all__`; None if they are not literals."""
    names: list[str] = []
    for node in _uses_of_all(tree):
        value = (
            _value(getattr(node, "value", None))
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
            else None
        )
        if not isinstance(value, list | tuple):
            return None
        names += map(str, value)
    return tuple(names)


def _uses_of_all(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if any(isinstance(part, ast.Name) and part.id == "__all__" for part in ast.walk(node)):
            yield node

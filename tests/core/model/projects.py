"""Projects on disk whose modules import each other in every form, and what Python itself loads of them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# name, file below the project, folder of it that is on the path; the order keeps imports from going round
PLACES = {
    "solo": "first/solo.py",
    "alpha.one": "first/alpha/one.py",
    "alpha.deep.two": "first/alpha/deep/two.py",
    "space.three": "first/space/three.py",
    "alpha.deep": "first/alpha/deep/__init__.py",
    "alpha": "first/alpha/__init__.py",
    "space.inner.four": "second/space/inner/four.py",
    "alpha.deep.low.five": "first/alpha/deep/low/five.py",
    "alpha.six": "first/alpha/six.py",
    "other": "second/other.py",
    "beta.seven": "second/beta/seven.py",
    "beta": "second/beta/__init__.py",
}
NAMES = tuple(PLACES)
STEPS = NAMES[:4]
ABSOLUTE = (
    "import {full}",
    "import {full} as bound",
    "from {full} import VALUE",
    "from {full} import *",
    "__import__('{full}')",
    "import importlib; importlib.import_module('{full}')",
    "from importlib import import_module as load; load(name='{full}')",
    "exec('import {full}')",
    "try:\n    import nothing_of_the_kind\nexcept ImportError:\n    import {full}",
    "if not TYPE_CHECKING: import {full}",
    "if TYPE_CHECKING: import {full}",
)
OF_PARENT = (
    "from {parent} import {leaf}",
    "from {parent} import {leaf} as bound",
    "__import__('{parent}', None, None, ['{leaf}'])",
)
RELATIVE = (
    "from {dots}{rest} import VALUE",
    "from {dots}{rest} import *",
    "import importlib; importlib.import_module('{dots}{rest}', __package__)",
)
OF_RELATIVE_PARENT = ("from {dots}{above} import {leaf}",)
# what may be imported from within a function
NOWHERE_BUT_AT_THE_TOP = ("import *", "TYPE_CHECKING")
MODULE = """from typing import TYPE_CHECKING
VALUE = 1
{top}
def go():
    pass
{lazy}
"""
# each step in a process of its own: what it loads must not be there already; whatever a function may import counts
ORACLE = """
import importlib, json, os, sys
def loaded(name):
    importlib.import_module(name)
    called = []
    while todo := [module for module in list(sys.modules.values()) if hasattr(module, "go") and module not in called]:
        called += todo
        for module in todo:
            module.go()
    return [module.__name__ for module in called]
found = {}
for name in sys.argv[1:]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, json.dumps(loaded(name)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        found[name] = json.loads(told.read())
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Edge:
    """One import: the form it is written in, and whether within a function."""

    source: str
    target: str
    form: str
    lazy: bool = False

    @property
    def statement(self) -> str:
        parent, _, leaf = self.target.rpartition(".")
        package = self.package.split(".")
        shared = 0
        parts = self.target.split(".")
        while shared < min(len(package), len(parts) - 1) and package[shared] == parts[shared]:
            shared += 1
        rest = ".".join(parts[shared:])
        above = ".".join(parts[shared:-1])
        dots = "." * (len(package) - shared + 1)
        return self.form.format(full=self.target, parent=parent, leaf=leaf, dots=dots, rest=rest, above=above)

    @property
    def package(self) -> str:
        is_package = PLACES[self.source].endswith("__init__.py")
        return self.source if is_package else self.source.rpartition(".")[0]


def forms(source: str, target: str) -> list[str]:
    """The forms in which one module can import another."""
    found = [*ABSOLUTE]
    found += OF_PARENT if "." in target else ()
    package = Edge(source, target, "").package
    if package and package.partition(".")[0] == target.partition(".")[0] and "." in target and target != package:
        inside = not package.startswith(f"{target}.")
        found += [*RELATIVE, *OF_RELATIVE_PARENT] if inside else ()
    return found


@dataclass(frozen=True)
class Project:
    """Modules and their imports, below a folder."""

    edges: tuple[Edge, ...]

    def write(self, folder: Path) -> list[str]:
        """Writes all; the folders that are to be on the path."""
        for name, place in PLACES.items():
            file = folder / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.source(name), encoding="utf-8")
        return [str(folder / "first"), str(folder / "second")]

    def source(self, name: str) -> str:
        own = [edge for edge in self.edges if edge.source == name]
        top = "\n".join(edge.statement for edge in own if not edge.lazy)
        lazy = "\n".join(f"    {line}" for edge in own if edge.lazy for line in edge.statement.splitlines())
        return MODULE.format(top=top, lazy=lazy)

    def checked_as_types_are(self) -> Project:
        """The same with what is imported for types only imported always."""
        return Project(tuple(replace(e, form=e.form.replace("if TYPE_CHECKING:", "if True:")) for e in self.edges))


def loaded(paths: list[str], steps: tuple[str, ...] = STEPS) -> dict[str, set[str]]:
    """What Python loads of a project for each step: imported, and its function called."""
    code = f"import sys; sys.dont_write_bytecode = True; sys.path[:0] = {paths}\n{ORACLE}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, *steps], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return {step: set(names) & set(NAMES) for step, names in found.items()}

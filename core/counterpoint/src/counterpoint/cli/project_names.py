"""The name of a new project, of its folder, its distribution and its package."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.metadata import distributions, packages_distributions
from importlib.util import find_spec

from counterpoint.errors import UsageError
from counterpoint.orchestrators import offered

MOST_LETTERS = 60
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", re.ASCII)
# what the project itself needs, or has beside its package
_USED = ("conftest", "hatchling", "pytest", "tests")


@dataclass(frozen=True, slots=True)
class ProjectName:
    """A name that can be used, as it was typed."""

    folder: str

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return self.folder.replace("_", "-")

    @property
    def package(self) -> str:
        """What Python imports, and commands call the pipeline."""
        return _package(self.folder)


def project_name(text: str) -> ProjectName:
    """The name of a project, checked not to hide any package that can be imported here.

    Raises:
        UsageError: it is no such name; says why.
    """
    if not _NAME.fullmatch(text) or len(text) > MOST_LETTERS:
        raise UsageError(
            f"{text[:MOST_LETTERS]!r} is no name of a project: begin with a letter, and write at most {MOST_LETTERS}"
            " lowercase letters, digits and single hyphens or underscores, such as my-shop"
        )
    name = ProjectName(text)
    if keyword.iskeyword(name.package):
        raise UsageError(f"{text!r} is a keyword of Python, so nothing can import it: choose another name")
    if owner := _owner(name.package):
        raise UsageError(f"the package {name.package} would hide {owner}: choose another name")
    return name


def _package(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _owner(package: str) -> str | None:
    """The owner of a package name: one that has it now, or will have it when an orchestrator is installed."""
    if package in sys.stdlib_module_names:
        return "a module of the standard library"
    if package in _USED:
        return "what the project's own tests use"
    if package.removeprefix("counterpoint_") in offered():
        return f"the orchestrator {package}, or its adapter"
    # distributions have names of their own, and packages with other ones; some of these packages have no file
    for name in [distribution.name for distribution in distributions()]:
        if _package(name) == package:
            return f"{name}, which is installed"
    for other, names in packages_distributions().items():
        if other.lower() == package:
            return f"a package of {names[0]}, which is installed"
    # what lies on the path without being installed; a folder without a module hides nothing
    spec = None if package in sys.modules else find_spec(package)
    origin = spec.origin if spec else getattr(sys.modules.get(package), "__file__", None)
    return f"the module {origin}" if origin else None

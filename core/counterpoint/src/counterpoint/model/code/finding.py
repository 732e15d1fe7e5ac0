"""Finding a module as an import would, without importing it or its parents."""

from __future__ import annotations

import os
import pkgutil
import sys
import sysconfig
import zipimport
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_INSTALLED = {"site-packages", "dist-packages"}


class Form(StrEnum):
    """What a module is read from."""

    SOURCE = "source"
    EXTENSION = "C extension"
    BYTECODE = "bytecode"
    ARCHIVE = "archive"
    NAMESPACE = "namespace"
    STANDARD = "standard library"


@dataclass(frozen=True, slots=True)
class Found:
    """A module: its file (None for a namespace or a builtin), and, for a package, the folders of its submodules."""

    name: str
    form: Form
    file: Path | None = None
    places: tuple[str, ...] | None = None


def find(name: str, places: Sequence[str] | None = None) -> Found | None:
    """The module of a full name, or None; `places` are its parent's folders, None for a top-level module."""
    spec = _spec(name, places) or getattr(sys.modules.get(name), "__spec__", None)
    if spec is None:
        file = getattr(sys.modules.get(name), "__file__", None)  # such as the script that is run
        return Found(name, Form.SOURCE, Path(file)) if file else None
    inner = None if spec.submodule_search_locations is None else tuple(spec.submodule_search_locations)
    form, file = _form(spec)
    return None if form is None else Found(name, form, file, inner)


def search_path() -> list[str]:
    """The folders in which top-level modules are searched."""
    return [place or os.getcwd() for place in sys.path]  # noqa: PTH109


def _spec(name: str, places: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        spec = _by(finder, name, places)
        if spec is not None:
            return spec
    return None


def _by(finder: Any, name: str, places: Sequence[str] | None) -> ModuleSpec | None:
    if finder is PathFinder:
        return _on_path(name, search_path() if places is None else places)
    try:
        spec: ModuleSpec | None = finder.find_spec(name, places, None)
    except (AttributeError, ImportError, KeyError):  # some finders need the parent to be imported
        return None
    return spec


def _on_path(name: str, places: Iterable[str]) -> ModuleSpec | None:
    """As `PathFinder`, but also for a namespace in a namespace that is not imported."""
    portions: list[str] = []
    for place in places:
        finder = pkgutil.get_importer(place)
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:
            return spec
        portions += (spec and spec.submodule_search_locations) or ()
    if not portions:
        return None
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = portions
    return spec


def _form(spec: ModuleSpec) -> tuple[Form | None, Path | None]:
    loader: Any = spec.loader
    if isinstance(loader, zipimport.zipimporter):
        return Form.ARCHIVE, Path(loader.archive)
    if spec.origin in {"built-in", "frozen"}:
        return Form.STANDARD, None
    file = Path(spec.origin) if spec.origin and Path(spec.origin).is_file() else None
    if file is None:
        return (Form.NAMESPACE, None) if spec.submodule_search_locations is not None else (None, None)
    if is_standard(file):
        return Form.STANDARD, file
    suffixes = {Form.EXTENSION: EXTENSION_SUFFIXES, Form.BYTECODE: BYTECODE_SUFFIXES, Form.SOURCE: SOURCE_SUFFIXES}
    return next((form for form, ends in suffixes.items() if file.name.endswith(tuple(ends))), Form.BYTECODE), file


_STANDARD = tuple({Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})


def is_standard(file: Path) -> bool:
    """Whether a file is part of the standard library."""
    for folder in _STANDARD:
        if file.is_relative_to(folder):
            return _INSTALLED.isdisjoint(file.relative_to(folder).parts)
    return False


def submodules(found: Found) -> list[str]:
    """The names of all possible modules directly in a package, and of its folders, which may be namespaces."""
    places = found.places or ()
    names = {info.name for info in pkgutil.iter_modules(places)}
    folders = {path.name for place in map(Path, places) if place.is_dir() for path in place.iterdir() if path.is_dir()}
    return [f"{found.name}.{name}" for name in sorted(names | folders - {"__pycache__"}) if name.isidentifier()]


def beside(file: Path) -> list[str]:
    """The names of the modules and packages in the folder of a module's file."""
    return sorted(info.name for info in pkgutil.iter_modules([str(file.parent)]))


def prefixes(name: str) -> list[str]:
    """The prefixes of a dotted name, ending with itself."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def path_of(module: str) -> Path | None:
    """The source file of a module, or None; it is found without an import."""
    found, places = None, None
    for name in prefixes(module):
        found = find(name, places)
        if found is None or (found.places is None and name != module):
            return None
        places = found.places
    is_source = found is not None and found.file is not None and found.file.suffix in SOURCE_SUFFIXES
    return found.file if found and is_source else None

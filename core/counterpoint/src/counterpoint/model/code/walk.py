"""The user's own code that a function can reach, and the distributions that it imports directly.

Own code is code that no distribution's record lists: folders, editable installs, modules copied by hand. The code of
the function's own distribution, and of installs from a folder, is own code, too. All else counts by its version.
"""

from __future__ import annotations

import glob
import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint import __version__
from counterpoint.errors import DefinitionError
from counterpoint.model.code.disk import Disk
from counterpoint.model.code.finding import Form, Found, beside, prefixes, search_path, submodules
from counterpoint.model.code.reading import Reads, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from counterpoint.model.code.reading import Facts, Import
    from counterpoint.model.code.witness import Look

KERNEL = Path(__file__).parents[2]
_OPAQUE = {
    Form.EXTENSION: "is a C extension",
    Form.BYTECODE: "has no source",
    Form.ARCHIVE: "lies in an archive",
}


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """A place in the user's code that cannot be followed."""

    file: Path
    spot: Spot


@dataclass(frozen=True, slots=True)
class Reach:
    """The code that functions reach: digests of own modules and files, and versions of distributions, by name.

    `files` are the files of the modules; `metadata` holds, by distribution, an imported module and the metadata folder.
    """

    own: dict[str, str]
    versions: dict[str, str]
    unfollowed: tuple[Unfollowed, ...]
    files: dict[str, Path]
    metadata: dict[str, tuple[str, Path]]


@dataclass
class Walk:
    """One walk through the code on disk now; `declared` are further modules and patterns of files."""

    references: Sequence[str]
    declared: Sequence[str] = ()
    seen: dict[str, Look] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    metadata: dict[str, tuple[str, Path]] = field(default_factory=dict)
    unfollowed: dict[Unfollowed, str] = field(default_factory=dict)
    disk: Disk = field(default_factory=Disk)
    _found: dict[str, Found | None] = field(default_factory=dict)
    _others: dict[str, bool] = field(default_factory=dict)
    _trees: set[str] = field(default_factory=set)
    _todo: list[tuple[Found, Facts]] = field(default_factory=list)
    _ours: set[str] = field(default_factory=set)

    def reach(self) -> Reach:
        """Follows all imports, and returns the reached code.

        Raises:
            DefinitionError: A module does not exist, or a pattern matches nothing.
        """
        for place in search_path():
            self._note(place)
        modules = [reference.partition(":")[0] for reference in self.references]
        self._ours = {claim.name for module in modules if (claim := self.disk.claim(self._must(module)))}
        for module in modules:
            self._add(module)
        covered = {self._declare(pattern) for pattern in self.declared}
        self._follow()
        while any(list(map(self._widen, [top for u, top in self._open(covered) if u.spot.reads is Reads.CODE]))):
            self._follow()
        unfollowed = tuple(sorted((u for u, _ in self._open(covered)), key=lambda u: (str(u.file), u.spot.line)))
        return Reach(self.own, self.versions, unfollowed, self.files, self.metadata)

    def _open(self, covered: set[Reads]) -> list[tuple[Unfollowed, str]]:
        return [(place, top) for place, top in self.unfollowed.items() if place.spot.reads not in covered]

    def _note(self, path: str | Path) -> None:
        if str(path) not in self.seen:
            self.seen[str(path)] = self.disk.look(str(path))

    def _must(self, module: str) -> Found:
        for member in self._along(module):
            if member.name == module:
                return member
        raise DefinitionError(f"module {module!r} cannot be found: install the package that holds it")

    def _along(self, name: str) -> Iterator[Found]:
        """The packages that an import of a name runs, and the module itself, as far as they exist."""
        places: tuple[str, ...] | None = None
        for dotted in prefixes(name):
            if dotted not in self._found:
                self._found[dotted] = self._look_for(dotted, places)
            member = self._found[dotted]
            if member is None:
                return
            yield member
            places = member.places
            if places is None:
                return

    def _look_for(self, name: str, places: tuple[str, ...] | None) -> Found | None:
        for place in places or ():
            self._note(place)
        return self.disk.find(name, places)

    def _add(self, name: str, importer: tuple[Path, int] | None = None) -> None:
        """Adds the modules that an import of a name runs, up to one that counts by its version."""
        for member in self._along(name):
            if member.name in self.own:
                continue
            if member.name not in self._others:
                self._others[member.name] = member.form is Form.STANDARD or self._is_others(member)
            if self._others[member.name]:
                return
            if member.file:
                self._take(member, member.file, importer)

    def _is_others(self, found: Found) -> bool:
        """Whether a module counts by its version; if so, the version is recorded."""
        if found.file and found.file.is_relative_to(KERNEL):
            self.versions["counterpoint"] = __version__
            return True
        claim = self.disk.claim(found)
        if claim is None or claim.version is None or claim.name in self._ours:
            return False
        self._note(claim.metadata)
        self.versions[claim.name.lower()] = claim.version
        # the folder is made anew for another version; its files may be links to those of other environments
        self.metadata[claim.name.lower()] = (found.name, claim.metadata.parent)
        return True

    def _take(self, found: Found, file: Path, importer: tuple[Path, int] | None) -> None:
        self._note(file)
        self.own[found.name], read = self.disk.read(file, is_source=found.form is Form.SOURCE)
        self.files[found.name] = file
        if found.form is Form.SOURCE:
            self._todo.append((found, read))
            for spot in read.spots:
                self._open_at(file, spot, found)
        else:
            place, line = importer or (file, 1)
            self._open_at(place, Spot(line, found.name, f"{_OPAQUE[found.form]}: what it reaches is not seen"), found)

    def _open_at(self, file: Path, spot: Spot, found: Found) -> None:
        self.unfollowed.setdefault(Unfollowed(file, spot), found.name.partition(".")[0])

    def _follow(self) -> None:
        while self._todo:
            module, read = self._todo.pop()
            for entry in read.imports:
                self._import(module, entry)

    def _import(self, importer: Found, what: Import) -> None:
        assert importer.file  # noqa: S101 - it was read
        module = _absolute(importer, what)
        if module is None:
            return
        at = (importer.file, what.line)
        self._add(module, at)
        for name in what.names:
            if name == "*":
                self._star(module, at)
            else:
                self._add(f"{module}.{name}", at)

    def _star(self, module: str, at: tuple[Path, int]) -> None:
        """Adds the submodules that `from module import *` imports: those that `__all__` names or may name."""
        package = next((member for member in self._along(module) if member.name == module), None)
        if package is None or package.places is None or module not in self.own or package.form is not Form.SOURCE:
            return
        for place in package.places:
            self._note(place)
        exported = self.disk.read(self.files[module])[1].exported
        names = submodules(package) if exported is None else [f"{module}.{name}" for name in exported]
        for name in names:
            self._add(name, at)

    def _widen(self, top: str) -> bool:
        """Adds all of a package whose code cannot be followed, or all beside a module; returns whether any is new."""
        package, count = self._found[top], len(self.own)
        if package is None:
            return False
        if package.places is not None:
            self._tree(package)
        elif package.file and not any(package.file.parent.glob("*.dist-info")):
            for name in beside(package.file):
                self._add(name)
                self._tree(self._found.get(name))
        return len(self.own) > count

    def _tree(self, package: Found | None) -> None:
        """Adds a package with all its submodules; each folder once, even if links form a cycle."""
        if package is None or package.places is None:
            return
        places = [place for place in package.places if os.path.realpath(place) not in self._trees]
        self._trees.update(map(os.path.realpath, places))
        for place in places:
            self._note(place)
        self._add(package.name)
        for name in submodules(replace(package, places=tuple(places))):
            self._add(name)
            self._tree(self._found.get(name))

    def _declare(self, pattern: str) -> Reads:
        """Adds what a pattern declares; returns whether that is code or files."""
        origin = self._must(self.references[0].partition(":")[0])
        assert origin.file  # noqa: S101 - a module that is built in declares nothing
        base = origin.file.parent
        paths = [path for path in _matching(base, pattern) if Path(base, path).is_file()]
        self._note_folders(base, pattern)
        if paths:
            kinds = {self._file(base, path) for path in paths}
            return Reads.CODE if Reads.CODE in kinds else Reads.FILES
        modules = [member for member in self._along(pattern) if member.name == pattern] if _is_dotted(pattern) else []
        if not modules:
            raise DefinitionError(
                f"code={pattern!r} of {self.references[0]} matches no file below {base}, and no module is called so:"
                " write a pattern of files relative to that folder, or the full name of a module"
            )
        self._add(pattern)
        self._tree(modules[0])
        return Reads.CODE

    def _file(self, base: Path, path: str) -> Reads:
        file = Path(base, path)
        module = self._module_at(base, path) if file.suffix == ".py" else None
        if module:
            self._add(module)
            return Reads.CODE
        self._note(file)
        self.own[f"file:{Path(path).as_posix()}"] = hashlib.sha256(file.read_bytes()).hexdigest()
        return Reads.CODE if file.suffix == ".py" else Reads.FILES

    def _module_at(self, base: Path, path: str) -> str | None:
        """The name by which a file below the folder of the function's module is imported, or None."""
        origin = self._must(self.references[0].partition(":")[0])
        package = origin.name if origin.places is not None else origin.name.rpartition(".")[0]
        parts = [part for part in Path(path).with_suffix("").parts if part != "__init__"]
        name = ".".join(filter(None, [package, *parts]))
        same = [member for member in self._along(name) if member.name == name and member.file == Path(base, path)]
        return name if same else None

    def _note_folders(self, base: Path, pattern: str) -> None:
        """Watches the folders in which a matching file may appear or disappear."""
        self._note(base)
        for folder in Path(pattern).parents:
            for path in _matching(base, str(folder)):
                self._note(Path(base, path))


def _matching(base: Path, pattern: str) -> list[str]:
    # unlike `Path.glob`, it accepts absolute paths and those that begin with dots
    return sorted(glob.glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _absolute(importer: Found, what: Import) -> str | None:
    """The full name that a module imports, or None if there are more dots than packages."""
    if not what.level:
        return what.module
    package = importer.name if importer.places is not None else importer.name.rpartition(".")[0]
    parts = package.split(".") if package else []
    if what.level > len(parts):
        return None
    return ".".join(filter(None, [*parts[: len(parts) - what.level + 1], what.module]))

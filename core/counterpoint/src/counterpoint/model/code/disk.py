"""A cache of what was found and read on disk, shared by the walks of several steps until a file changes."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.model.code import witness
from counterpoint.model.code.distributions import Claim, claim_of
from counterpoint.model.code.finding import Form, Found, find, search_path
from counterpoint.model.code.reading import Facts, facts

if TYPE_CHECKING:
    from counterpoint.model.code.witness import Look


@dataclass
class Disk:
    """Modules, distributions and sources, each searched once."""

    seen: dict[str, Look] = field(default_factory=dict)
    _found: dict[tuple[str, tuple[str, ...] | None], Found | None] = field(default_factory=dict)
    _claims: dict[Path, Claim | None] = field(default_factory=dict)
    _read: dict[Path, tuple[str, Facts]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Python's own finders reuse a folder's listing within the same tick of its clock
        importlib.invalidate_caches()

    def look(self, path: str) -> Look:
        """The state of a path at its first lookup."""
        if path not in self.seen:
            self.seen[path] = witness.look(path)
        return self.seen[path]

    def find(self, name: str, places: tuple[str, ...] | None) -> Found | None:
        """The module of a full name, with all folders of its package."""
        if (name, places) not in self._found:
            module = find(name, places)
            at_top = module and module.form is Form.SOURCE and module.places and places is None
            self._found[name, places] = _extended(module, module.file) if at_top and module and module.file else module
        return self._found[name, places]

    def claim(self, found: Found) -> Claim | None:
        """The distribution to which a module belongs, or None."""
        if found.file is None or found.form is Form.STANDARD:
            return None
        if found.file not in self._claims:
            self._claims[found.file] = claim_of(found.file)
        return self._claims[found.file]

    def read(self, file: Path, *, is_source: bool = True) -> tuple[str, Facts]:
        """The digest of a file, and the facts about it if it is a source."""
        if file not in self._read:
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            self._read[file] = digest, _facts(digest, content) if is_source else Facts()
        return self._read[file]


def _extended(found: Found, file: Path) -> Found:
    """The package with the folders of its name further on the path, if its source extends its path to them."""
    source = file.read_bytes()
    if b"extend_path" not in source and b"declare_namespace" not in source:
        return found
    more = [str(Path(place, found.name)) for place in search_path() if Path(place, found.name).is_dir()]
    return replace(found, places=tuple(dict.fromkeys([*(found.places or ()), *more])))


@lru_cache(maxsize=4096)
def _facts(_: str, source: bytes) -> Facts:
    return facts(source)

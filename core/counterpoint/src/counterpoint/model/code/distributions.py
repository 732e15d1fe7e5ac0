"""Which installed distribution a file belongs to, by the records of its folder; nothing is imported."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from counterpoint.model.code.witness import Look, look

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = re.compile(rb"^Version:[ \t]*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Claim:
    """A distribution that a file is part of; `version` is None for one from a folder, whose content may change."""

    name: str
    version: str | None
    metadata: Path


def claim_of(file: Path) -> Claim | None:
    """The distribution that lists a file, or None: for what was put there by hand, or is read from its sources."""
    for folder in file.parents:
        if str(folder) in sys.path:
            part = file.relative_to(folder)
            listed = None if _is_link(folder / part.parts[0]) else _listing(folder, part)
            if listed:
                return Claim(listed.name.partition("-")[0], _version(listed), listed / "METADATA")
    return None


def _is_link(place: Path) -> bool:
    return place.is_symlink() and place.is_dir()


def _listing(folder: Path, part: Path) -> Path | None:
    line = b"\n" + part.as_posix().encode() + b","
    listing = _listing_top(folder, part.parts[0], look(str(folder)))
    return next((place for place in listing if line in b"\n" + _record(place)), None)


@lru_cache(maxsize=1024)
def _listing_top(folder: Path, top: str, _: Look) -> tuple[Path, ...]:
    """The distributions of a folder that have a file below a name; those that are called so are asked first."""
    start = b"\n" + top.encode() + (b"," if top.endswith(".py") else b"/")
    named = _plain(top.partition(".")[0])
    places = sorted(folder.glob("*.dist-info"), key=lambda place: _plain(place.name.partition("-")[0]) != named)
    found: list[Path] = []
    for place in places:
        if found and _plain(place.name.partition("-")[0]) != named and _is_whole(folder / top):
            break
        if start in b"\n" + _record(place):
            found.append(place)
    return tuple(found)


def _is_whole(place: Path) -> bool:
    """Whether one distribution alone has it: a module, or a package that is no namespace."""
    return place.is_file() or (place / "__init__.py").is_file()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _record(place: Path) -> bytes:
    try:
        return (place / "RECORD").read_bytes()
    except OSError:
        return b""


def _version(place: Path) -> str | None:
    try:
        found = _VERSION.search((place / "METADATA").read_bytes())
        version = found[1].decode() if found else ""
    except OSError:
        return None
    try:
        origin = json.loads((place / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return version
    # what came from a commit or an archive is known by that; what came from a folder, by its content alone
    exact = origin.get("vcs_info", {}).get("commit_id") or _hash(origin.get("archive_info", {}))
    return f"{version} {exact}" if exact else None


def _hash(archive: dict[str, object]) -> str | None:
    hashes = archive.get("hashes")
    return str(archive.get("hash") or hashes) if archive.get("hash") or hashes else None

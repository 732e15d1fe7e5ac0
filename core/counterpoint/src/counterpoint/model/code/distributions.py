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
    """The distribution of a file; `version` is None if it was installed from a folder, whose content may change."""

    name: str
    version: str | None
    metadata: Path


def claim_of(file: Path) -> Claim | None:
    """The distribution that lists a file; None for a file that was copied by hand or is an editable install."""
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
    """The distributions of a folder that have a file below a name; those with that name are searched first."""
    start = b"\n" + top.encode() + (b"," if top.endswith(".py") else b"/")
    named = normal_name(top.partition(".")[0])
    places = sorted(folder.glob("*.dist-info"), key=lambda place: normal_name(place.name.partition("-")[0]) != named)
    matching: list[Path] = []
    for place in places:
        if matching and normal_name(place.name.partition("-")[0]) != named and _is_whole(folder / top):
            break
        if start in b"\n" + _record(place):
            matching.append(place)
    return tuple(matching)


def _is_whole(place: Path) -> bool:
    """Whether only one distribution can own the path: a module, or a package that is no namespace."""
    return place.is_file() or (place / "__init__.py").is_file()


def normal_name(name: str) -> str:
    """The name of a distribution in the form in which two ways to write it are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _record(place: Path) -> bytes:
    try:
        return (place / "RECORD").read_bytes()
    except OSError:
        return b""


def _version(place: Path) -> str | None:
    try:
        match = _VERSION.search((place / "METADATA").read_bytes())
        version = match[1].decode() if match else ""
    except OSError:
        return None
    try:
        origin = json.loads((place / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return version
    # an install from a commit or an archive is identified by that; one from a folder only by its content
    exact = origin.get("vcs_info", {}).get("commit_id") or _hash(origin.get("archive_info", {}))
    return f"{version} {exact}" if exact else None


def _hash(archive: dict[str, object]) -> str | None:
    hashes = archive.get("hashes")
    return str(archive.get("hash") or hashes) if archive.get("hash") or hashes else None

"""Files of a build on disk: written whole, and never over what somebody has changed."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.errors import UsageError
from counterpoint.files import put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# the digests of the files that were generated: what differs from them was changed by hand
MANIFEST = ".counterpoint-build.json"


class Change(StrEnum):
    """What a build does to a file."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that a build adds, changes or removes, with the lines that differ."""

    path: str
    change: Change
    lines: tuple[str, ...]


def changes(folder: Path, texts: Mapping[str, str]) -> list[Difference]:
    """What writing a build would do to a folder.

    Args:
        folder: The folder of an earlier build, an empty one, or one that does not exist.
        texts: The text of each file, by its path in the folder.
    """
    standing = {path: _text(folder / path) for path in {*_manifest(folder), *texts}}
    found = [_difference(path, standing[path], texts.get(path)) for path in sorted(standing)]
    return [difference for difference in found if difference]


def _difference(path: str, before: str | None, after: str | None) -> Difference | None:
    if before == after:
        return None
    change = Change.ADDED if before is None else Change.REMOVED if after is None else Change.CHANGED
    lines = difflib.unified_diff(
        (before or "").splitlines(), (after or "").splitlines(), f"a/{path}", f"b/{path}", lineterm="", n=2
    )
    return Difference(path, change, tuple(lines))


def write(folder: Path, texts: Mapping[str, str], *, force: bool = False) -> list[Difference]:
    """Writes a build into a folder, and removes files of an earlier build that it no longer has.

    Args:
        folder: It is made if it is missing.
        texts: The text of each file, by its path in the folder.
        force: Whether to overwrite files that were changed by hand, or that no build made.

    Returns:
        What was added, changed or removed.

    Raises:
        UsageError: A file was changed by hand, or is not of a build; nothing is written.
    """
    made = changes(folder, texts)
    if not force:
        _refuse_foreign(folder, made)
    try:
        for difference in made:
            place = folder / difference.path
            if difference.change is Change.REMOVED:
                place.unlink(missing_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            put(place, texts[difference.path])
        folder.mkdir(parents=True, exist_ok=True)
        put(folder / MANIFEST, json.dumps({path: _digest(text) for path, text in texts.items()}, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be written ({error.strerror}): choose another folder") from error
    return made


def _refuse_foreign(folder: Path, made: Sequence[Difference]) -> None:
    kept = _manifest(folder)
    foreign = []
    for difference in made:
        standing = _text(folder / difference.path)
        if standing is not None and kept.get(difference.path) != _digest(standing):
            foreign.append(difference.path)
    if foreign:
        raise UsageError(
            f"{folder}: {', '.join(foreign)}: changed by hand, or made by something else: move what you need, then"
            " build with --force, or choose another --out"
        )


def _manifest(folder: Path) -> dict[str, Any]:
    text = _text(folder / MANIFEST)
    if text is None:
        return {}
    try:
        manifest = parsed(text)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise UsageError(f"{folder / MANIFEST} is damaged: remove the folder {folder}, or choose another --out")
    return manifest


def _text(place: Path) -> str | None:
    try:
        return place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{place} cannot be read: remove it, or choose another --out") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

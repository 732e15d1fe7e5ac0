"""`.airflowignore`: the files that Airflow does not read as DAGs.

The patterns are regular expressions by default before Airflow 3, and like those of `.gitignore` since. Which of both
holds is not in the folder: a file is ignored where both say so; where only one does, it is read, and told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.inventory_model import Unresolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = ".airflowignore"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line: its folder, the line, and its regular expressions by both syntaxes (None where it is not valid)."""

    folder: str
    place: str
    text: str
    as_regexp: re.Pattern[str] | None
    as_glob: re.Pattern[str]
    negated: bool

    def matches(self, entry: str, *, is_folder: bool) -> bool:
        """Whether the glob means a file or a folder."""
        inside = not self.folder or entry.startswith(f"{self.folder}/")
        name = _below(entry, self.folder) + ("/" if is_folder else "")
        return inside and self.as_glob.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that hold in a folder: those of its own file after those of the folders above."""

    rules: tuple[_Rule, ...] = ()

    def with_file(self, path: Path, inner: str, note: Callable[[Unresolved], None]) -> IgnoreRules:
        """These rules with those of a folder's own file, where it has one."""
        file = path / NAME
        if not file.is_file():
            return self
        place = f"{inner}/{NAME}" if inner else NAME
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            note(Unresolved(f"{place}:1", "unreadable", f"it cannot be read: {error}"))
            return self
        return replace(self, rules=(*self.rules, *_rules(text, inner, place)))

    def ignores(self, path: str, note: Callable[[Unresolved], None]) -> bool:
        """Whether a file is certainly ignored; what depends on the syntax is noted."""
        regexp, glob = self._by_regexp(path), self._by_glob(path)
        if (regexp is None) != (glob is None):
            rule = regexp or glob
            if rule is not None:
                syntax = "a regular expression (Airflow 2)" if regexp is not None else "a glob (Airflow 3)"
                detail = f"{path} is ignored only if {rule.text!r} is {syntax}: it is read"
                note(Unresolved(rule.place, "airflowignore", detail))
        return regexp is not None and glob is not None

    def _by_regexp(self, path: str) -> _Rule | None:
        for rule in self.rules:
            if rule.as_regexp is not None and rule.as_regexp.search(_below(path, rule.folder)):
                return rule
        return None

    def _by_glob(self, path: str) -> _Rule | None:
        """The rule by which a glob ignores the outermost folder around a file, or the file; None where none does."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            entry, is_folder = "/".join(parts[:depth]), depth < len(parts)
            matching = [rule for rule in self.rules if rule.matches(entry, is_folder=is_folder)]
            if matching and not matching[-1].negated:
                return matching[-1]
        return None


def _below(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if folder else path


def _rules(text: str, folder: str, place: str) -> Iterator[_Rule]:
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.sub(r"\s*#.*", "", line).strip()
        if not plain:
            continue
        negated = plain.startswith("!")
        try:
            regexp = re.compile(plain)
        except re.error:
            regexp = None
        yield _Rule(folder, f"{place}:{number}", plain, regexp, _glob(plain.lstrip("!")), negated)


def _glob(pattern: str) -> re.Pattern[str]:
    """The files, and the folders with a slash at their end, that a pattern of a `.gitignore` means, or lies around."""
    only_folders = pattern.endswith("/")
    body = pattern.rstrip("/")
    anchored = "/" in body
    parts = [_part(part) for part in body.lstrip("/").split("/")]
    inner = "/".join(parts).replace("\0/", "(?:.*/)?").replace("/\0", "/.*").replace("\0", ".*")
    start = "" if anchored else "(?:.*/)?"
    return re.compile(start + inner + ("/.*" if only_folders else "(?:/.*)?"))


def _part(part: str) -> str:
    if part in {"*", "**"}:
        return "[^/]+" if part == "*" else "\0"
    found, position = "", 0
    while position < len(part):
        letter = part[position]
        closed = part.find("]", position + 2)
        if letter == "[" and closed > 0:
            found += "[" + part[position + 1 : closed].replace("!", "^", 1).replace("\\", "\\\\") + "]"
            position = closed
        else:
            found += {"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter))
        position += 1
    return found

"""Finding and reading `counterpoint.toml`."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.configuration.tables import Environment, Table, environment_in
from counterpoint.configuration.targets import target_in
from counterpoint.errors import UsageError
from counterpoint.model.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "counterpoint.toml"
# the path of the file, where it is not in the working folder or one above it
CONFIG = "COUNTERPOINT_CONFIG"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Environments:
    """What a file says: its environments by name, and the one that counts where none is named."""

    file: Path
    default: str | None
    by_name: Mapping[str, Environment]

    def environment(self, name: str) -> Environment:
        """The environment of a name.

        Raises:
            UsageError: there is none; names the nearest one.
        """
        if name not in self.by_name:
            known = suggest(name, self.by_name) if self.by_name else "it has none"
            raise UsageError(f"{self.file} has no environment {name!r}: {known}")
        return self.by_name[name]


def find_file() -> Path | None:
    """The file that `COUNTERPOINT_CONFIG` names, else the one in the working folder or the nearest folder above it.

    Raises:
        UsageError: the variable names no file.
    """
    if named := os.environ.get(CONFIG):
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"{CONFIG}={named}: there is no such file: correct the path, or unset the variable")
        return path
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the working folder is gone
        return None
    return next((path for folder in (here, *here.parents) if (path := folder / FILE).is_file()), None)


def read_file(path: Path) -> Environments:
    """What a file says.

    Raises:
        UsageError: it cannot be read, is no TOML, or says something that has no meaning; names place and fix.
    """
    try:
        document = Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from None
    document.refuse_unknown(("default", "env", "target"))
    declared = {name: target_in(table, name) for name, table in _named(document.table("target"))}
    environments = {name: environment_in(table, name, declared) for name, table in _named(document.table("env"))}
    found = Environments(path, document.text("default"), environments)
    if found.default is not None:
        found.environment(found.default)
    return found


def _named(tables: Table) -> list[tuple[str, Table]]:
    """The tables below a table, by name."""
    for name in tables.values:
        if not _NAME.fullmatch(name):
            raise tables.wrong(repr(name), "is no name: write letters, digits, hyphens and underscores")
    return [(name, tables.table(name)) for name in tables.values]

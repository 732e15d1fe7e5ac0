"""The tables of targets in `counterpoint.toml`: servers that a team already has, and references to what lets us in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.configuration.tables import absolute_reference
from counterpoint.errors import MissingSecretError, UsageError
from counterpoint.http import Access, address_of
from counterpoint.model.secrets import REFERENCE
from counterpoint.runtime.secrets import resolved
from counterpoint.target import DeploymentTarget

if TYPE_CHECKING:
    from counterpoint.configuration.tables import Table

KEYS = ("kind", "url", "token", "user", "password", "ca")


@dataclass(frozen=True, slots=True)
class DeclaredTarget:
    """A target as a file declares it; `token` and `password` are references, and nothing in it is a secret."""

    name: str
    file: Path
    kind: str
    url: str
    token: str | None = None
    user: str | None = None
    password: str | None = None
    ca: str | None = None

    @property
    def place(self) -> str:
        """Where it is declared, for messages."""
        return f"[target.{self.name}] of {self.file}"

    def opened(self, root: str, home: Path, env: str) -> DeploymentTarget:
        """The target; its secrets are read when the server is first asked, and are masked in all output from then on.

        Args:
            root: Where the data of its runs lies.
            home: A folder of this machine for the orchestrator's own files.
            env: The environment that names it.
        """
        enter = lru_cache(maxsize=1)(self.access)
        return DeploymentTarget(self.name, self.kind, self.url, root, home, enter, self.place, env)

    def access(self) -> Access:
        """What lets us in.

        Raises:
            UsageError: A secret or the file of certificates cannot be read here; names place and fix.
        """
        if self.ca and not Path(self.ca).is_file():
            raise UsageError(f"{self.place}: ca: there is no file {self.ca}: correct the path, or leave ca out")
        return Access(self._secret("token"), self.user or "", self._secret("password"), self.ca)

    def _secret(self, key: str) -> str:
        reference: str | None = getattr(self, key)
        if reference is None:
            return ""
        try:
            return resolved(reference)
        except MissingSecretError:
            raise UsageError(
                f"{self.place}: {key} = {reference!r} cannot be read here: set the variable, or write the file, where"
                " this command runs"
            ) from None


def target_in(table: Table, name: str) -> DeclaredTarget:
    """The target that a table declares.

    Raises:
        UsageError: a key is unknown or missing, or its value has no meaning; names file, table, key and the fix.
    """
    table.refuse_unknown(KEYS)
    kind, url, user, ca = (table.text(key) for key in ("kind", "url", "user", "ca"))
    if kind is None:
        raise table.wrong("kind", "is missing: write the name of the orchestrator in quotes, see 'doctor'")
    if url is None:
        raise table.wrong("url", "is missing: write the address of its API, such as https://host:8080")
    address = address_of(url, f"{table.file}: [{table.name}] url", "into token, or into user and password")
    token, password = _reference(table, "token"), _reference(table, "password")
    if bool(user) != bool(password):
        raise table.wrong("password" if user else "user", "is missing: write both, or neither")
    if token and user:
        raise table.wrong("token", "stands beside a user: write one of them")
    folder = table.file.parent
    bundle = str(folder / Path(ca).expanduser()) if ca else None
    return DeclaredTarget(name, table.file, kind, address, token, user, password, bundle)


def _reference(table: Table, key: str) -> str | None:
    reference = table.values.get(key)
    if reference is None:
        return None
    # what is wrong may be the secret itself, so it is never repeated
    if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
        raise table.wrong(key, "is no reference: write env:NAME or file:PATH, never the secret itself")
    return absolute_reference(reference, table.file.parent)

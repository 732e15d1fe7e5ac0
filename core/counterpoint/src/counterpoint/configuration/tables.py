"""The table of one environment in `counterpoint.toml`, checked: a wrong key is named with its place and the fix."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.commands import SOURCE, absolute_source
from counterpoint.errors import UsageError
from counterpoint.model.secrets import REFERENCE
from counterpoint.model.suggest import suggest
from counterpoint.redaction import redacted, redacted_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.configuration.targets import DeclaredTarget

KEYS = ("root", "tracking", SOURCE, "target", "settings", "pipelines", "secrets", "alerts", "variables")
# what has a key of its own
_OWN_KEYS = {"COUNTERPOINT_ROOT": "root", "COUNTERPOINT_ALERTS": "[alerts]", "MLFLOW_TRACKING_URI": "tracking"}
_ADDRESSES = ("databricks", "uc:")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file: what every error about it names."""

    file: Path
    name: str
    values: Mapping[str, Any]

    def wrong(self, key: str, why: str) -> UsageError:
        """The error about one key."""
        where = f"[{self.name}] {key}" if self.name else key
        return UsageError(f"{self.file}: {where} {why}")

    def table(self, key: str) -> Table:
        """The table below a key; an empty one where there is none.

        Raises:
            UsageError: something else stands there.
        """
        values = self.values.get(key, {})
        if not isinstance(values, dict):
            raise self.wrong(key, f"is no table: write it as [{self.name}.{key}]")
        return Table(self.file, f"{self.name}.{key}" if self.name else key, values)

    def text(self, key: str) -> str | None:
        """The text of a key that may be absent; it holds no secret.

        Raises:
            UsageError: it is no text, is empty, or holds a secret.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "is no text: write it in quotes")
        if redacted(value) != value:
            raise self.wrong(key, "holds a password or a token: leave it out, and give it by a variable of the process")
        return value

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        """Refuses a key that has no meaning.

        Raises:
            UsageError: names the nearest one that has.
        """
        for key in self.values:
            if key not in known:
                raise self.wrong(repr(key), f"is not known: {suggest(key, known)}")


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: paths are absolute, references are in form, and nothing in it is a secret.

    `settings` are those of every pipeline that has them, `pipelines` those of one pipeline by its name.
    `alerts` says whether the environment has routes of its own, `target` is the team's server that it names.
    """

    name: str
    file: Path
    root: str | None = None
    tracking: str | None = None
    source: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    pipelines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    alerts: bool = False
    target: DeclaredTarget | None = None

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"env.{self.name}"


def environment_in(table: Table, name: str, targets: Mapping[str, DeclaredTarget]) -> Environment:
    """The environment that a table describes.

    Raises:
        UsageError: a key is unknown, or its value has no meaning; names file, table, key and the fix.
    """
    table.refuse_unknown(KEYS)
    folder, pipelines = table.file.parent, table.table("pipelines")
    root, source = table.text("root"), table.text(SOURCE)
    return Environment(
        name=name,
        file=table.file,
        root=str(folder / Path(root).expanduser()) if root and "://" not in root else root,
        tracking=_tracking(table),
        source=source and absolute_source(source, folder),
        settings=_settings(table.table("settings")),
        pipelines={key: _settings(pipelines.table(key)) for key in pipelines.values},
        secrets=_secrets(table.table("secrets")),
        variables=_variables(table.table("variables")),
        alerts=bool(table.table("alerts").values),
        target=_target(table, targets),
    )


def _target(table: Table, targets: Mapping[str, DeclaredTarget]) -> DeclaredTarget | None:
    name = table.text("target")
    if name is not None and name not in targets:
        known = suggest(name, targets) if targets else f"the file has none: write a table [target.{name}]"
        raise table.wrong("target", f"names no target of this file: {known}")
    return targets[name] if name is not None else None


def _tracking(table: Table) -> str | None:
    address = table.text("tracking")
    if address and "://" not in address and not address.startswith(_ADDRESSES):
        raise table.wrong("tracking", "is no address of a tracking server: write it as https://mlflow.example")
    return address


def _settings(table: Table) -> dict[str, Any]:
    for name, value in table.values.items():
        if redacted_values({name: value}) != {name: value}:
            place = f"[{table.name.split('.pipelines')[0].removesuffix('.settings')}.secrets]"
            raise table.wrong(name, f"holds a secret: write a reference to it into {place}, such as env:{name.upper()}")
        try:
            json.dumps(value)
        except TypeError:
            raise table.wrong(name, f"is a {type(value).__name__}: write it in quotes") from None
    return dict(table.values)


def _secrets(table: Table) -> dict[str, str]:
    # what is wrong may be the secret itself, so it is never repeated
    for name, reference in table.values.items():
        if not name.isidentifier():
            raise table.wrong(repr(name), "is no name of a parameter: write letters, digits and underscores")
        if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
            raise table.wrong(name, "is no reference: write env:NAME or file:PATH, never the secret itself")
    return {name: absolute_reference(reference, table.file.parent) for name, reference in table.values.items()}


def absolute_reference(reference: str, folder: Path) -> str:
    """A reference to a secret; the path of a file is made absolute."""
    scheme, _, rest = reference.partition(":")
    return f"file:{folder / Path(rest).expanduser()}" if scheme == "file" else reference


def _variables(table: Table) -> dict[str, str]:
    for name, value in table.values.items():
        if name in _OWN_KEYS:
            raise table.wrong(name, f"has a key of its own: write {_OWN_KEYS[name]}")
        if not isinstance(value, str) or not name or "=" in name:
            raise table.wrong(name, 'is no variable: write NAME = "value"')
        if redacted_values({name: value}) != {name: value}:
            raise table.wrong(name, "holds a secret: a step takes it by secrets=, with a reference in [secrets]")
    return dict(table.values)

"""Secrets that a step asks for: by name, and by reference, never by value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from counterpoint.errors import DefinitionError

# a scheme, and what it means to whoever resolves it: env:API_KEY
REFERENCE = re.compile(r"[a-z][a-z0-9-]*:.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Secret:
    """A parameter of a step function that receives a secret.

    `default` is the reference that counts where the environment has none for the name.
    """

    name: str
    default: str | None = None

    def reference_in(self, references: Mapping[str, str]) -> str | None:
        """The reference that counts: the one that an environment has for the name, else the default."""
        return references.get(self.name) or self.default


def secrets_of(step: str, value: Any) -> tuple[Secret, ...]:
    """The secrets that `step(..., secrets=...)` names: names, or a mapping from names to default references.

    Raises:
        DefinitionError: it is neither; names the step, and never repeats a value, which may be the secret itself.
    """
    if isinstance(value, str) or not isinstance(value, Mapping | Iterable):
        raise DefinitionError(
            f"step {step}: secrets= is no list of names: write secrets=('api_key',), or a mapping from names to"
            " references such as {'api_key': 'env:API_KEY'}"
        )
    pairs = dict(value) if isinstance(value, Mapping) else dict.fromkeys(value)
    secrets = [name if isinstance(name, Secret) else Secret(name, default) for name, default in pairs.items()]
    for secret in secrets:
        if not str(secret.name).isidentifier():
            raise DefinitionError(f"step {step}: secrets= has an entry that is no name of a parameter: write one")
        if secret.default is not None and not _is_reference(secret.default):
            raise DefinitionError(
                f"step {step}: secret {secret.name!r} has a default that is no reference: write env:NAME, or file:PATH"
                " with an absolute path, never the secret itself"
            )
    return tuple(secrets)


def _is_reference(value: Any) -> bool:
    relative = isinstance(value, str) and value.startswith("file:") and not value.startswith("file:/")
    return isinstance(value, str) and bool(REFERENCE.fullmatch(value)) and not relative

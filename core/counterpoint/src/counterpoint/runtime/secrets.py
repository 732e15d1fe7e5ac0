"""Resolving references to secrets, in the worker and just before the call: no value of one is kept or sent on.

An adapter adds a scheme of its own by an entry point, a function of what stands behind the colon:

    [project.entry-points."counterpoint.secrets"]
    vault = "mine.secrets:read"

It returns the secret, and raises `MissingSecretError`, with place and fix, where there is none.
"""

from __future__ import annotations

import logging
import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import MissingSecretError
from counterpoint.model import load
from counterpoint.redaction import hide, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.model import RunRequest, Step

log = logging.getLogger(__name__)
GROUP = "counterpoint.secrets"
# of the one attempt that a process was forked for
_RECEIVED: dict[str, str] = {}


def resolved(reference: str) -> str:
    """The secret that a reference names; it is masked from here on, in this process.

    Raises:
        MissingSecretError: there is none, or nothing here reads such a reference; names place and fix.
    """
    scheme, _, name = reference.partition(":")
    value = _resolver(scheme)(name)
    hide([value])
    return value


def receive(values: Mapping[str, str]) -> None:
    """Takes the secrets that the process which asks for an attempt has resolved, in the process of that attempt."""
    hide(values.values())
    _RECEIVED.update(values)


def secret_values(request: RunRequest, step: Step) -> dict[str, str]:
    """The secrets of a step by parameter; references of the run beat the defaults of the step.

    Raises:
        MissingSecretError: one is missing; names step, secret, reference and fix.
    """
    names = {secret.name for secret in step.secrets}
    received = {name: _RECEIVED[name] for name in names.intersection(_RECEIVED)}
    values = {**_values(request, step, names - set(received)), **received}
    for name, value in values.items():
        if redacted(value) == value:
            log.warning("secret %s of step %s is too short or too common to be masked: choose another", name, step.name)
    return values


def foreign_values(request: RunRequest, step: Step) -> dict[str, str]:
    """The secrets of a step that only the orchestrator's own process can read: those of schemes that adapters add.

    Raises:
        MissingSecretError: one is missing.
    """
    references = {secret.name: secret.reference_in(request.secrets) for secret in step.secrets}
    foreign = {name for name, reference in references.items() if reference and _scheme(reference) not in _OWN}
    return _values(request, step, foreign)


def _values(request: RunRequest, step: Step, names: set[str]) -> dict[str, str]:
    values = {}
    for secret in (secret for secret in step.secrets if secret.name in names):
        reference = secret.reference_in(request.secrets)
        what = f"step {step.name} of {request.partition} needs secret {secret.name}"
        if reference is None:
            place = f"[env.{request.env}.secrets]" if request.env else "[env.NAME.secrets]"
            raise MissingSecretError(
                f"{what}, for which there is no reference: write one, such as env:NAME, into {place} of"
                " counterpoint.toml, and run with that environment"
            )
        try:
            values[secret.name] = resolved(reference)
        except MissingSecretError as error:
            raise MissingSecretError(f"{what} ({reference}): {error}") from None
    return values


def _scheme(reference: str) -> str:
    return reference.partition(":")[0]


def _resolver(scheme: str) -> Callable[[str], str]:
    if scheme in _OWN:
        return _OWN[scheme]
    added = {point.name: point.value for point in entry_points(group=GROUP)}
    if scheme not in added:
        known = ", ".join(f"{name}:" for name in (*_OWN, *sorted(added)))
        raise MissingSecretError(
            f"nothing here reads {scheme}: references; there are {known}. One of an orchestrator is read where its"
            " adapter is installed: run it there, or give this environment an env: or file: reference"
        )
    reader: Callable[[str], str] = load(added[scheme])
    return reader


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MissingSecretError(f"variable {name} is not set where the step runs: set it for its worker")
    return value


def _file(path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise MissingSecretError(f"{path} cannot be read where the step runs ({why}): put it there") from None
    if not value:
        raise MissingSecretError(f"{path} is empty: write the secret into it")
    return value


_OWN: dict[str, Callable[[str], str]] = {"env": _variable, "file": _file}

"""Secret settings: their values are passed only by the environment of processes, and stored nowhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.redaction.forms import MASK
from counterpoint.redaction.names import PREFIX
from counterpoint.redaction.text import redacted_values

if TYPE_CHECKING:
    from collections.abc import Mapping


def sealed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a form that can be stored: secrets are masked, and put into this process's environment."""
    masked = {name: redacted_values(value, name) for name, value in settings.items()}
    for name, value in settings.items():
        if masked[name] != value:
            os.environ[variable_of(name)] = json.dumps(value)
    return masked


def unsealed(settings: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The settings, with the secrets that `sealed` has masked.

    Args:
        settings: The sealed settings.
        owner: The owner of the settings, for messages.

    Raises:
        UsageError: The environment lacks a secret, or holds another value than was given; names the setting.
    """
    return {name: _opened(name, value, owner) if is_sealed(value) else value for name, value in settings.items()}


def is_sealed(value: Any) -> bool:
    """Whether any part of a setting's value is masked."""
    return MASK in json.dumps(value, default=str)


def variable_of(name: str) -> str:
    """The environment variable that holds a secret setting."""
    return PREFIX + "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def _opened(name: str, kept: Any, owner: str) -> Any:
    variable = variable_of(name)
    advice = f"give it again, by --set {name}=JSON where the command has that option, or in {variable}"
    text = os.environ.get(variable)
    if text is None:
        raise UsageError(f"setting {name} of {owner} is a secret, and its value is not kept: {advice}")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if redacted_values(value, name) != kept:
        raise UsageError(f"{variable} does not hold what setting {name} of {owner} was ({kept!r}): {advice}")
    return value

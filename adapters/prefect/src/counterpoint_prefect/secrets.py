"""References to Prefect's own secrets: `prefect-block:NAME`, a block of the type Secret."""

from __future__ import annotations

from typing import Any, cast

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound

from counterpoint.errors import MissingSecretError


def block(name: str) -> str:
    """The value of a Secret block.

    Raises:
        MissingSecretError: there is none of that name, or it holds no text.
    """
    try:
        value = cast("Any", Secret.load(name)).get()
    except ValueError as error:
        if not isinstance(error.__cause__, ObjectNotFound):
            raise
        raise MissingSecretError(f"Prefect has no Secret block {name} here: make it under Blocks") from None
    if not isinstance(value, str) or not value:
        raise MissingSecretError(f"Secret block {name} of Prefect holds no text: write the secret into it as one")
    return value

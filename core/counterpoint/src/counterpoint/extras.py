"""Imports libraries that only an extra of this distribution installs."""

from __future__ import annotations

import importlib
from typing import Any

from counterpoint.errors import UsageError


def need(module: str, extra: str, what: str) -> Any:
    """Imports a library.

    Args:
        module: the name of its module.
        extra: the extra that installs it.
        what: the feature that needs it, as the subject of an error message.

    Returns:
        The module.

    Raises:
        UsageError: the library is not installed here; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        install = f"pip install 'counterpoint[{extra}]'"
        raise UsageError(f"{what} need {error.name}, which is not installed here: {install}") from None

"""Libraries that only an extra of this distribution brings."""

from __future__ import annotations

import importlib
from typing import Any

from counterpoint.errors import UsageError


def need(module: str, extra: str, what: str) -> Any:
    """A library, imported.

    Args:
        module: its name.
        extra: the extra that brings it.
        what: what needs it, in words that begin an error.

    Returns:
        The module.

    Raises:
        UsageError: it is not installed here; holds the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        install = f"pip install 'counterpoint[{extra}]'"
        raise UsageError(f"{what} need {error.name}, which is not installed here: {install}") from None

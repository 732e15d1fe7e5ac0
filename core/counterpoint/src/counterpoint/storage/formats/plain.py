"""Parameters of models as JSON values; what JSON does not hold is refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping


def plain_parameters(values: Mapping[str, Any], fix: str) -> dict[str, Any]:
    """Parameters as JSON values; those of NumPy's numbers become Python's.

    Raises:
        StepError: one is of another type; ends with the fix.
    """
    return {name: _plain(name, value, fix) for name, value in sorted(values.items())}


def _plain(name: str, value: Any, fix: str) -> Any:
    value = value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0 else value
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        told = f"its parameter {name} is {str(value)[:80]}, which JSON does not hold"
        raise StepError(f"{told} ({error}): {fix}") from None
    return json.loads(text)

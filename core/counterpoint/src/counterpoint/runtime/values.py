"""Checking that a value fits its step's output; an error names the place in the value and the fix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.frames import named
from counterpoint.model import OutputKind
from counterpoint.storage.formats import format_of
from counterpoint.storage.models import is_weights

if TYPE_CHECKING:
    from counterpoint.model import Step

_MODEL = (
    "return a model of scikit-learn, XGBoost, LightGBM, torch or ONNX, or"
    " counterpoint.storage.Model(weights={name: numpy array}, parameters={…}, metrics={…}) made from it, or install a"
    " format for it (entry point group counterpoint.model_formats)"
)
# by the names of classes and modules, so that none of these packages has to be imported
_FIXES = {
    "datetime": "write it as text, by .isoformat()",
    "date": "write it as text, by .isoformat()",
    "time": "write it as text, by .isoformat()",
    "Timestamp": "write it as text, by .isoformat()",
    "timedelta": "write its .total_seconds()",
    "set": "write sorted(…) of it",
    "frozenset": "write sorted(…) of it",
    "bytes": "write it as text, by .decode() or .hex()",
    "Decimal": "write str(…) or float(…) of it",
    "ndarray": "write its .tolist()",
    "Series": "write its .to_list()",
    "DataFrame": "return it alone as a table, Output(OutputKind.TABLE), or write its rows as a list",
}


def refuse_misfit(step: Step, value: Any) -> None:
    """Refuses a value that does not fit the output of a step.

    Raises:
        StepError: Names the step, the kind of its output, the place in the value, and the fix.
    """
    kind = step.output.kind
    if kind is OutputKind.MODEL:
        _model(step, value)
    elif kind is OutputKind.METRICS and not isinstance(value, Mapping):
        raise _misfit(step, f"returned {named(value)}", "return a dict of names to numbers")
    elif kind in {OutputKind.METRICS, OutputKind.VALUE}:
        _json(step, value, "the value")


def _misfit(step: Step, what: str, fix: str) -> StepError:
    return StepError(f"step {step.name} {what}, but its output is of kind {step.output.kind.value}: {fix}")


def _model(step: Step, value: Any) -> None:
    if not is_weights(value):
        if format_of(value) is None:
            raise _misfit(step, f"returned {named(value)}, which no format here stores without pickle", _MODEL)
        return
    import numpy as np

    for name, array in value.weights.items():
        if np.asarray(array).dtype.kind not in "biuf":
            raise _misfit(step, f"returned a model whose weights[{name!r}] is {named(array)}", _NUMBERS)
    _json(step, dict(value.parameters), "parameters")
    _json(step, dict(value.metrics), "metrics")


_NUMBERS = "weights are numpy arrays of numbers; write numpy.asarray(…, dtype=float), or put it into parameters"


def _json(step: Step, value: Any, place: str) -> None:
    """Refuses a value that JSON cannot hold, naming the first such part."""
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _misfit(step, f"returned {value} at {place}", "no JSON value is that: write None, or leave it out")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str | int | float) and key is not None:
                raise _misfit(step, f"returned {named(key)} as a key of {place}", "write its keys as text")
            _json(step, part, f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _json(step, part, f"{place}[{index}]")
    else:
        raise _misfit(step, f"returned {named(value)} at {place}", _fix(value))


def _fix(value: Any) -> str:
    if fix := next((_FIXES[kind.__name__] for kind in type(value).__mro__ if kind.__name__ in _FIXES), None):
        return fix
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return "write it as a number of Python's, by .item()"
    if hasattr(value, "__dataclass_fields__"):
        return "write dataclasses.asdict(…) of it"
    return "write it as numbers, text, lists and dicts"

"""Checking that a value fits its step's output; an error names the place in the value and the fix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.model import OutputKind

if TYPE_CHECKING:
    from counterpoint.model import Step

_MODEL = "return counterpoint.storage.Model(weights={name: numpy array}, parameters={…}, metrics={…}) made from it"
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
_FRAMES = {
    "pandas": "return polars.from_pandas(frame)",
    "pyarrow": "return polars.from_arrow(table)",
    "pyspark": "return polars.from_arrow(frame.toArrow())",
    "polars": "return frame.collect()",
    "builtins": "return polars.DataFrame(rows)",
}


def refuse_misfit(step: Step, value: Any) -> None:
    """Refuses a value that does not fit the output of a step.

    Raises:
        StepError: Names the step, the kind of its output, the place in the value, and the fix.
    """
    kind = step.output.kind
    if kind is OutputKind.TABLE:
        _table(step, value)
    elif kind is OutputKind.MODEL:
        _model(step, value)
    elif kind is OutputKind.METRICS and not isinstance(value, Mapping):
        raise _misfit(step, f"returned {_type_name(value)}", "return a dict of names to numbers")
    elif kind in {OutputKind.METRICS, OutputKind.VALUE}:
        _json(step, value, "the value")


def _misfit(step: Step, what: str, fix: str) -> StepError:
    return StepError(f"step {step.name} {what}, but its output is of kind {step.output.kind.value}: {fix}")


def _type_name(value: Any) -> str:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _table(step: Step, value: Any) -> None:
    if any(kind.__name__ == "DataFrame" and kind.__module__.startswith("polars") for kind in type(value).__mro__):
        return
    fix = _FRAMES.get(type(value).__module__.partition(".")[0], "return a Polars frame")
    raise _misfit(step, f"returned {_type_name(value)}, not a Polars frame", f"{fix}, or declare another output")


def _model(step: Step, value: Any) -> None:
    if not all(hasattr(value, name) for name in ("weights", "parameters", "metrics")):
        raise _misfit(step, f"returned {_type_name(value)}, which is not stored as it is", _MODEL)
    import numpy as np

    for name, array in value.weights.items():
        if np.asarray(array).dtype.kind not in "biuf":
            raise _misfit(step, f"returned a model whose weights[{name!r}] is {_type_name(array)}", _NUMBERS)
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
                raise _misfit(step, f"returned {_type_name(key)} as a key of {place}", "write its keys as text")
            _json(step, part, f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _json(step, part, f"{place}[{index}]")
    else:
        raise _misfit(step, f"returned {_type_name(value)} at {place}", _fix(value))


def _fix(value: Any) -> str:
    if fix := next((_FIXES[kind.__name__] for kind in type(value).__mro__ if kind.__name__ in _FIXES), None):
        return fix
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return "write it as a number of Python's, by .item()"
    if hasattr(value, "__dataclass_fields__"):
        return "write dataclasses.asdict(…) of it"
    return "write it as numbers, text, lists and dicts"

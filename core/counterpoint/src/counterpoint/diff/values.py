"""Comparing models by their weights, and JSON values, within a tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.diff.report import Tolerance, plain
from counterpoint.redaction import UNSHOWN, shows_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from counterpoint.storage import Model

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value within a JSON value, by its path; `absent` names the side that lacks it, if one does."""

    path: str
    left: Any
    right: Any
    abs_diff: float | None = None
    absent: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        left, right = self.told()
        values = {"path": self.path, "left": left, "right": right}
        return {**values, "abs_diff": self.abs_diff, "absent": self.absent}

    def told(self) -> tuple[Any, Any]:
        """Both sides as they may be shown, None if absent; hidden where row values are, which they may contain."""
        if shows_rows():
            return plain(self.left), plain(self.right)
        left, right = (None if self.absent == side else UNSHOWN for side in ("left", "right"))
        return left, right


@dataclass(frozen=True, slots=True)
class ValueDiff:
    """The differences of two JSON values."""

    values: tuple[ValueChange, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing changed."""
        return not self.values

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"equal": self.equal, "values": [change.to_dict() for change in self.values]}


@dataclass(frozen=True, slots=True)
class TensorDiff:
    """A tensor of one or both models: type and shape (None: absent), count of changed numbers, largest difference."""

    name: str
    left: str | None
    right: str | None
    changed: int | None = None
    max_abs_diff: float | None = None

    @property
    def equal(self) -> bool:
        """Whether type, shape and, within the tolerance, the numbers are equal."""
        return self.left == self.right and self.changed == 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in ("name", "left", "right", "changed", "max_abs_diff")}


@dataclass(frozen=True, slots=True)
class ModelDiff:
    """The differences of two models: every tensor, and the changed parameters and metrics."""

    tensors: tuple[TensorDiff, ...]
    values: tuple[ValueChange, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the models are equal."""
        return not self.values and all(tensor.equal for tensor in self.tensors)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "equal": self.equal,
            "tensors": [tensor.to_dict() for tensor in self.tensors],
            "values": [change.to_dict() for change in self.values],
        }


def diff_values(left: Any, right: Any, tolerance: Tolerance | None = None) -> ValueDiff:
    """The differences of two JSON values; a tolerance by name applies to all values with that name."""
    return ValueDiff(tuple(_changes(left, right, tolerance or Tolerance(), "")))


def _changes(left: Any, right: Any, tolerance: Tolerance, path: str) -> Iterator[ValueChange]:
    if isinstance(left, dict) and isinstance(right, dict):
        names = [*left, *(name for name in right if name not in left)]
        for name in names:
            inner = f"{path}.{name}" if path else str(name)
            yield from _changes(left.get(name, _ABSENT), right.get(name, _ABSENT), tolerance, inner)
    elif isinstance(left, list) and isinstance(right, list):
        for number in range(max(len(left), len(right))):
            one, other = (side[number] if number < len(side) else _ABSENT for side in (left, right))
            yield from _changes(one, other, tolerance, f"{path}[{number}]")
    elif left is _ABSENT or right is _ABSENT:
        one, other = (None if value is _ABSENT else value for value in (left, right))
        yield ValueChange(path, one, other, absent="left" if left is _ABSENT else "right")
    else:
        yield from _scalar(left, right, tolerance, path)


def _scalar(left: Any, right: Any, tolerance: Tolerance, path: str) -> Iterator[ValueChange]:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    if not numbers:
        if type(left) is not type(right) or left != right:
            yield ValueChange(path, left, right)
        return
    if left == right or (math.isnan(left) and math.isnan(right)):
        return
    gap, name = abs(left - right), path.rpartition(".")[2]
    allowed = tolerance.columns.get(path, tolerance.of(name))
    share = tolerance.relative_columns.get(path, tolerance.relative_of(name))
    is_within = gap <= allowed or (math.isfinite(gap) and gap <= share * max(abs(left), abs(right)))
    if not is_within:
        yield ValueChange(path, left, right, gap if math.isfinite(gap) else None)


def diff_models(left: Model, right: Model, tolerance: Tolerance | None = None) -> ModelDiff:
    """The differences of two models: weights by tensor, parameters and metrics as JSON values."""
    used = tolerance or Tolerance()
    names = sorted({*left.weights, *right.weights})
    tensors = tuple(_tensor(name, left.weights.get(name), right.weights.get(name), used) for name in names)
    one, other = ({"parameters": dict(m.parameters), "metrics": dict(m.metrics)} for m in (left, right))
    return ModelDiff(tensors, diff_values(one, other, used).values)


def _tensor(
    name: str, left: np.ndarray[Any, Any] | None, right: np.ndarray[Any, Any] | None, tolerance: Tolerance
) -> TensorDiff:
    import numpy as np

    ours, theirs = (None if side is None else f"{side.dtype}{list(side.shape)}" for side in (left, right))
    if left is None or right is None or left.shape != right.shape:
        return TensorDiff(name, ours, theirs)
    differs = ~((left == right) | ((left != left) & (right != right)))  # noqa: PLR0124 - only NaN is not like itself
    one, other = left[differs], right[differs]
    exact = np.int64 if {one.dtype.kind, other.dtype.kind} <= {"i", "b"} else np.float64
    gaps = np.abs(one.astype(exact) - other.astype(exact))
    sizes = np.maximum(np.abs(one.astype(np.float64)), np.abs(other.astype(np.float64)))
    is_close = (gaps <= tolerance.relative_of(name) * sizes) & np.isfinite(gaps)
    gaps = gaps[~((gaps <= tolerance.of(name)) | is_close)]
    finite = gaps[np.isfinite(gaps)]
    return TensorDiff(name, ours, theirs, int(gaps.size), float(finite.max()) if finite.size else None)

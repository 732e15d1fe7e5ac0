"""Guesses why two models or two JSON values differ, from the report of their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.diff import ModelDiff, ValueDiff
    from counterpoint.diff.values import TensorDiff

    Guess = tuple[str, str, dict[str, Any]] | None

_SEED_SHARE, _TINY = 0.5, 1e-5


def hint_for_models(report: ModelDiff) -> Guess:
    """Other settings, another architecture, other types, another order of sums, or else another seed."""
    changed = [tensor for tensor in report.tensors if not tensor.equal]
    settings = [value.path for value in report.values if value.path.startswith("parameters.")]
    counts = {"tensors": len(report.tensors), "changed": len(changed)}
    if settings:
        names = ", ".join(path.removeprefix("parameters.") for path in settings)
        name = "seed" if any("seed" in path for path in settings) else "settings"
        return name, f"the model was made with other settings: {names}", {**counts, "settings": settings}
    return _by_tensors(changed, counts)


def _by_tensors(changed: list[TensorDiff], counts: dict[str, int]) -> Guess:
    if not changed:
        return None
    if any(_shape(tensor.left) != _shape(tensor.right) for tensor in changed):
        return "other_model", "tensors of other names or shapes: not the same kind of model", counts
    if any(tensor.left != tensor.right for tensor in changed):
        types = {tensor.name: [tensor.left, tensor.right] for tensor in changed if tensor.left != tensor.right}
        return "float32", "tensors of another type, such as float32 instead of float64", {**counts, "types": types}
    largest = max(tensor.max_abs_diff or 0.0 for tensor in changed)
    evidence = {**counts, "max_abs_diff": largest}
    if largest <= _TINY:
        return "rounding", "sums in another order, perhaps: threads, or another build of the library", evidence
    if len(changed) >= _SEED_SHARE * counts["tensors"]:
        text = f"another seed, perhaps: {counts['changed']} of {counts['tensors']} tensors differ, their shapes do not"
        return "seed", text, evidence
    return None


def _shape(tensor: str | None) -> str | None:
    """The shape in a tensor's description, such as float32[2, 3]."""
    return None if tensor is None else tensor[tensor.index("[") :]


def hint_for_values(report: ValueDiff) -> Guess:
    """Numbers that are almost equal."""
    gaps = [change.abs_diff for change in report.values]
    sizes = [abs(change.left) for change in report.values if isinstance(change.left, int | float)]
    if any(gap is None for gap in gaps):
        return None
    largest = max(gap for gap in gaps if gap is not None)
    if largest > _TINY * max(1.0, *sizes):
        return None
    return "rounding", "almost equal numbers, perhaps sums in another order", {"max_abs_diff": largest}

"""What a generated source is made of: `synthetic:rows=200000,users=20000,items=5000,seed=7`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from counterpoint.errors import UsageError

PREFIX = "synthetic"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The size of a generated day, its seed, and the rates of what is planted in it.

    `affinity` (0 to 1) is how much a user's taste decides; 0 leaves popularity alone. `late`, `duplicates`
    and `bad` (malformed) are shares of the rows.

    Raises:
        UsageError: a value lies outside its range.
    """

    rows: int = 200_000
    users: int = 20_000
    items: int = 5_000
    seed: int = 7
    categories: int = 20
    affinity: float = 0.8
    late: float = 0.001
    duplicates: float = 0.001
    bad: float = 0.001

    def __post_init__(self) -> None:
        for name in ("affinity", "late", "duplicates", "bad"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{PREFIX}: {name}={getattr(self, name)} lies outside 0..1: give a share of the rows")
        for name, least in (("rows", 0), ("users", 1), ("items", 1), ("seed", 0), ("categories", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{PREFIX}: {name}={getattr(self, name)} is too small: give at least {least}")

    @classmethod
    def parse(cls, source: str) -> Recipe:
        """The recipe of a source string; what it does not name keeps its default.

        Raises:
            UsageError: an unknown name, or a value that is no number.
        """
        _, _, rest = source.partition(":")
        given: dict[str, Any] = dict(_setting(part.strip()) for part in rest.split(",") if part.strip())
        return cls(**given)


_TYPES = {field.name: int if field.type == "int" else float for field in fields(Recipe)}


def _setting(part: str) -> tuple[str, int | float]:
    name, equals, value = (text.strip() for text in part.partition("="))
    if name not in _TYPES or not equals:
        suggest = get_close_matches(name, _TYPES, 1)
        hint = f"did you mean {suggest[0]}=?" if suggest else f"known: {', '.join(_TYPES)}"
        raise UsageError(f"{PREFIX} source: {part!r} is no setting of it; {hint}")
    try:
        return name, _TYPES[name](value)
    except ValueError:
        raise UsageError(f"{PREFIX} source: {name}={value!r} is no {_TYPES[name].__name__}: give a number") from None

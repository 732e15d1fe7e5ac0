"""What a team may set for its plan: weights of the score, the size of a wave, value and owners of DAGs."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

WEIGHTS = {"value": 1.0, "complexity": 1.0, "risk": 2.0, "coupling": 1.0, "together": 0.5}
_SECTIONS = {"weights", "waves", "dags"}
_OF_A_DAG = {"value", "owners"}
_OF_WAVES = {"max_dags", "max_tasks"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a plan; `values` are business values in 0..1, `max_dags` and `max_tasks` those of one wave."""

    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    max_dags: int = 5
    max_tasks: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: str = "settings"

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {"weights": dict(self.weights), "max_dags": self.max_dags, "max_tasks": self.max_tasks}

    def check(self, known: Iterable[str]) -> None:
        """Refuses DAGs that are not there.

        Raises:
            UsageError: names the DAG, and a near one.
        """
        names = sorted(known)
        for dag in {**self.values, **self.owners}:
            if dag not in names:
                suggest = difflib.get_close_matches(dag, names, 1)
                hint = f"did you mean {suggest[0]!r}?" if suggest else "take it out, or name one of the inventory"
                raise UsageError(f"{self.place}: [dags.{dag}] is no DAG of the folder: {hint}")


def read_settings(path: Path | None) -> Settings:
    """The settings of a TOML file, or those that hold without one.

    Raises:
        UsageError: it cannot be read, or a value in it is none; the message names the key.
    """
    if path is None:
        return Settings()
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--settings {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--settings {path}: is no TOML: {error}") from error
    return _Reader(str(path)).settings(given)


@dataclass(frozen=True, slots=True)
class _Reader:
    path: str

    def settings(self, given: Mapping[str, Any]) -> Settings:
        self._only(given, _SECTIONS, "")
        weights, limits, dags = (self._table(given, name) for name in ("weights", "waves", "dags"))
        self._only(weights, set(WEIGHTS), "weights.")
        self._only(limits, _OF_WAVES, "waves.")
        for dag in dags:
            self._only(self._table(dags, dag, "dags."), _OF_A_DAG, f"dags.{dag}.")
        of_dags = {dag: self._table(dags, dag, "dags.") for dag in dags}
        both = WEIGHTS | {name: self._number(f"weights.{name}", value) for name, value in weights.items()}
        if not any(both[name] for name in WEIGHTS if name != "together"):
            raise UsageError(f"--settings {self.path}: weights are all zero: let one count")
        return Settings(
            weights=both,
            max_dags=self._count("waves.max_dags", limits.get("max_dags", 5)),
            max_tasks=self._count("waves.max_tasks", limits["max_tasks"]) if "max_tasks" in limits else None,
            values={d: self._number(f"dags.{d}.value", of["value"], 1) for d, of in of_dags.items() if "value" in of},
            owners={d: self._texts(f"dags.{d}.owners", of["owners"]) for d, of in of_dags.items() if "owners" in of},
            place=f"--settings {self.path}",
        )

    def _fail(self, key: str, wanted: str) -> UsageError:
        return UsageError(f"--settings {self.path}: {key}: {wanted}")

    def _only(self, given: Mapping[str, Any], known: set[str], prefix: str) -> None:
        for name in given:
            if name not in known:
                raise self._fail(f"{prefix}{name}", f"there is no such setting; there are {', '.join(sorted(known))}")

    def _table(self, given: Mapping[str, Any], name: str, prefix: str = "") -> Mapping[str, Any]:
        found = given.get(name, {})
        if not isinstance(found, dict):
            raise self._fail(f"{prefix}{name}", "write it as a table")
        return found

    def _number(self, key: str, value: Any, most: float = 100) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise self._fail(key, f"write a number from 0 to {most:g}")
        return float(value)

    def _count(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._fail(key, "write a whole number from 1")
        return value

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._fail(key, "write a list of names")
        return tuple(value)

"""What Dagster does otherwise and what stands in for it there, as the file beside this one says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One thing that Dagster does otherwise: what stands in, by which source, and how much work it is in points."""

    name: str
    title: str
    in_dagster: str
    source: str
    effort: int


@cache
def counterparts() -> Mapping[str, Counterpart]:
    """All of them by name, in the order of the file."""
    return {name: Counterpart(name, **values) for name, values in _file()["need"].items()}


@cache
def operators() -> Mapping[str, str]:
    """What stands in for an operator in Dagster, by the operator's name."""
    return {name: entry["in_dagster"] for entry in _file()["operator"] for name in entry["names"]}


def means_of(kind: str, direction: str) -> str:
    """How a dependency of a kind is kept in a direction; `{up}`, `{down}` and `{place}` are to be filled in."""
    return str(_file()["bridge"][kind][direction])


def of_plugins() -> str:
    """What stands in for plugins."""
    return str(_file()["plugins"]["in_dagster"])


@cache
def _file() -> dict[str, Any]:
    with Path(__file__).with_name("dagster_equivalents.toml").open("rb") as file:
        return tomllib.load(file)

"""How the scenarios of the conformance kit name their steps: several are of one function."""

from __future__ import annotations

from typing import Any

from counterpoint.model import step

FUNCTIONS = "counterpoint.testing.steps"


def named(name: str, function: str, **policies: Any) -> Any:
    """A step of that name, of a function of the kit."""
    return step(f"{FUNCTIONS}:{function}", name=name, **policies)

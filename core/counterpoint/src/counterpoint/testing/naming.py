"""Named steps for the scenarios of the conformance kit, several of which share one function."""

from __future__ import annotations

from typing import Any

from counterpoint.model import step

FUNCTIONS = "counterpoint.testing.steps"


def named(name: str, function: str, **policies: Any) -> Any:
    """A step with this name that calls a function of the kit."""
    return step(f"{FUNCTIONS}:{function}", name=name, **policies)

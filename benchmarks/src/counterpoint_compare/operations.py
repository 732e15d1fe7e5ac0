"""Operator tasks, with the actions that each takes on each side."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

KINDS = ("command", "call", "page", "edit")


def operations() -> list[dict[str, Any]]:
    """Each task with the actions of each side: kind, text, and reason where it is not clear."""
    with Path(__file__).with_name("operations.toml").open("rb") as file:
        found = tomllib.load(file)["operation"]
    return [
        {"name": one["name"], "on": {side: [_act(act) for act in acts] for side, acts in one.items() if side != "name"}}
        for one in found
    ]


def _act(act: dict[str, str]) -> dict[str, str]:
    kind = next(kind for kind in KINDS if kind in act)
    return {"kind": kind, "what": act[kind].strip(), "why": act.get("why", "")}


def commands(side: str) -> list[str]:
    """All commands of a side."""
    acts = [act for one in operations() for act in one["on"][side]]
    return [act["what"] for act in acts if act["kind"] == "command"]

"""Operator tasks, with the actions that each takes on each side."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

KINDS = ("command", "call", "page", "edit")


def operations() -> list[dict[str, Any]]:
    """Each task with the actions of each side: kind, text, and reason where it is not clear."""
    with Path(__file__).with_name("operations.toml").open("rb") as file:
        tasks = tomllib.load(file)["operation"]
    return [
        {
            "name": task["name"],
            "on": {side: [_action(action) for action in actions] for side, actions in task.items() if side != "name"},
        }
        for task in tasks
    ]


def _action(action: dict[str, str]) -> dict[str, str]:
    kind = next(kind for kind in KINDS if kind in action)
    return {"kind": kind, "what": action[kind].strip(), "why": action.get("why", "")}


def commands(side: str) -> list[str]:
    """All commands of a side."""
    actions = [action for task in operations() for action in task["on"][side]]
    return [action["what"] for action in actions if action["kind"] == "command"]

"""The mark and the style of each state of a step."""

from __future__ import annotations

MARKS = {
    "fresh": ("■", "green"),
    "stale": ("◪", "yellow"),
    "running": ("▶", "blue"),
    "failed": ("✗", "red"),
    "missing": ("·", "dim"),
    "damaged": ("!", "bold red"),
    "blocked": ("⊘", "magenta"),
    "skipped": ("–", "dim"),
    "effect": ("◆", "cyan"),
}
# states of steps while a command works
WORKING = {
    "planned": MARKS["missing"],
    "running": MARKS["running"],
    "success": MARKS["fresh"],
    "failed": MARKS["failed"],
    "skipped": MARKS["skipped"],
    "upstream_failed": MARKS["blocked"],
}

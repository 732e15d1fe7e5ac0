"""A group of which a step fails while a file exists."""

from __future__ import annotations

from pathlib import Path

from counterpoint.model import Pipeline, step
from counterpoint.testing.evidence import attempt_number


@step()
def raw(folder):
    return attempt_number(folder, "raw")


@step(group="small")
def first(raw, folder):
    return raw + attempt_number(folder, "first")


@step(group="small")
def second(first, folder):
    number = attempt_number(folder, "second")
    if Path(folder, "bad").exists():
        raise ValueError(f"attempt {number} is bad")
    return first


@step(group="small")
def beside(raw, folder):
    return raw + attempt_number(folder, "beside")


@step()
def end(second, beside, folder):
    return second + beside + attempt_number(folder, "end")


mended = Pipeline("mended", (raw, first, second, beside, end), config={"folder": ""})

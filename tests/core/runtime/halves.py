"""A pipeline that two sides share: with a source that is looked at, a branch, and a mapped step."""

from __future__ import annotations

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, Schedule, TriggerRule, When, step

# what was computed, in its order, and what the source holds
MADE: list[str] = []
OUTSIDE = {"now": "first", "size": 2}


def seen():
    return OUTSIDE["now"]


@step(observe="halves:seen")
def source():
    if OUTSIDE["now"] == "broken":
        raise OSError("gone")
    MADE.append("source")
    return list(range(OUTSIDE["size"]))


@step(observe="halves:seen")
def total(source):
    MADE.append("total")
    return sum(source)


@step(map_over="source")
def each(source):
    MADE.append("each")
    return source + 1


@step(output=Output(OutputKind.BRANCH, choices=("small", "large")))
def size(total):
    MADE.append("size")
    return "small" if total < 10 else "large"


@step(when=When("size", "small"))
def small(total):
    MADE.append("small")
    return total


@step(when=When("size", "large"))
def large(total):
    MADE.append("large")
    return total


@step(trigger_rule=TriggerRule.NONE_FAILED)
def last(each, small, large):
    MADE.append("last")
    return [each, small, large]


halves = Pipeline(
    "halves",
    (source, total, each, size, small, large, last),
    Partitions(start="2026-01-01"),
    schedule=Schedule("0 4 * * *"),
)

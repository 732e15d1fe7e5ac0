"""Pipelines that do next to nothing, so that what is measured is the orchestrator; and how often each is run.

`small` and `long` are the two shapes of the public benchmark of workflow engines: 40 tasks of fibonacci(10) and 10 of
fibonacci(33), one after the other (https://www.windmill.dev/docs/misc/benchmarks/competitors).
"""

from __future__ import annotations

from dataclasses import dataclass

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, TriggerRule, step

FIRST_DAY = "2026-01-01"
_VALUE = Output(OutputKind.VALUE)
_HERE = __name__


@dataclass(frozen=True, slots=True)
class Workload:
    """A pipeline of this module, what it is, and how often one bout runs it; the first time counts as cold."""

    name: str
    title: str
    steps: int
    times: int

    @property
    def reference(self) -> str:
        """Where it is found."""
        return f"{_HERE}:{self.name}"


WORKLOADS = (
    Workload("empty", "StreamRec's graph of 8 steps that do nothing", 8, 3),
    Workload("small", "40 small tasks in a row", 40, 1),
    Workload("long", "10 long tasks in a row", 10, 1),
)


def nothing() -> int:
    """Stands for a step that reads a source."""
    return 0


def passed(given: int) -> int:
    """Stands for a step with one input."""
    return given


def joined(left: int | None, right: int | None) -> int:
    """Stands for a step with two inputs, of which one may have failed."""
    return (left or 0) + (right or 0)


def fibonacci(n: int) -> int:
    """The n-th Fibonacci number by the definition, which takes exponential time."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)  # noqa: PLR2004 - the definition


def _row(name: str, length: int, n: int) -> Pipeline:
    # on Dagster a step is an asset, and no two of a deployment may have one name
    names = [f"{name}_{number:02}" for number in range(length)]
    befores = [(), *((before,) for before in names)]
    steps = [
        step(f"{_HERE}:fibonacci", name=one, after=before, output=_VALUE)
        for one, before in zip(names, befores, strict=False)
    ]
    return Pipeline(name, config={"n": n}, partitions=Partitions(start=FIRST_DAY), steps=tuple(steps))


small = _row("small", 40, 10)
long = _row("long", 10, 33)

empty = Pipeline(
    "empty",
    description="The graph of StreamRec, without its work.",
    partitions=Partitions(start=FIRST_DAY),
    steps=(
        step(f"{_HERE}:nothing", name="raw", output=_VALUE),
        step(f"{_HERE}:passed", name="validated", inputs={"given": "raw"}, output=_VALUE),
        step(f"{_HERE}:passed", name="features", inputs={"given": "validated"}, output=_VALUE),
        step(f"{_HERE}:passed", name="retrieval", inputs={"given": "features"}, output=_VALUE),
        step(f"{_HERE}:passed", name="ranking", inputs={"given": "features"}, output=_VALUE),
        step(f"{_HERE}:passed", name="retrieval_evaluation", inputs={"given": "retrieval"}, output=_VALUE),
        step(f"{_HERE}:passed", name="ranking_evaluation", inputs={"given": "ranking"}, output=_VALUE),
        step(
            f"{_HERE}:joined",
            name="registered",
            inputs={"left": "retrieval_evaluation", "right": "ranking_evaluation"},
            output=_VALUE,
            trigger_rule=TriggerRule.ALL_DONE,
        ),
    ),
)

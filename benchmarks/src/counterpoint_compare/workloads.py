"""The workloads of a benchmark run: pipelines that do almost no work, and StreamRec.

`small` and `long` are the two shapes of the public benchmark of workflow engines: 40 tasks of fibonacci(10) and 10 of
fibonacci(33), one after the other (https://www.windmill.dev/docs/misc/benchmarks/competitors).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, TriggerRule, step

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_DAY = "2026-01-01"
_VALUE = Output(OutputKind.VALUE)
_HERE = __name__


@dataclass(frozen=True, slots=True)
class Workload:
    """A pipeline, how often a benchmark run executes it, and from which day; the first of several runs is cold.

    `before` are the steps of earlier days that its window needs: the local runner executes them before the services
    start. `config` overrides settings.
    """

    name: str
    title: str
    steps: int
    times: int
    reference: str
    day: str = FIRST_DAY
    before: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


WORKLOADS = (
    Workload("empty", "8 empty steps in StreamRec's graph", 8, 2, f"{_HERE}:empty"),
    Workload("small", "40 short tasks in sequence", 40, 1, f"{_HERE}:small"),
    Workload("long", "10 long tasks in sequence", 10, 1, f"{_HERE}:long"),
    Workload(
        "streamrec",
        "One day of StreamRec with 4,000 events, earlier days prepared",
        8,
        1,
        "streamrec",
        "2026-01-07",
        ("raw_interactions", "validated_interactions"),
        {"source": "synthetic:rows=4000,users=600,items=200,seed=7"},
    ),
)


def nothing() -> int:
    """Stands for a step that reads a source."""
    return 0


def passed(value: int) -> int:
    """Stands for a step with one input."""
    return value


def joined(left: int | None, right: int | None) -> int:
    """Stands for a step with two inputs, one of which may have failed."""
    return (left or 0) + (right or 0)


def fibonacci(n: int) -> int:
    """The n-th Fibonacci number by the definition, which takes exponential time."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)  # noqa: PLR2004 - the definition


def _chain(name: str, length: int, n: int) -> Pipeline:
    # on Dagster a step is an asset, and no two of a deployment may have one name
    names = [f"{name}_{number:02}" for number in range(length)]
    predecessors = [(), *((predecessor,) for predecessor in names)]
    steps = [
        step(f"{_HERE}:fibonacci", name=task, after=predecessor, output=_VALUE)
        for task, predecessor in zip(names, predecessors, strict=False)
    ]
    return Pipeline(name, config={"n": n}, partitions=Partitions(start=FIRST_DAY), steps=tuple(steps))


small = _chain("small", 40, 10)
long = _chain("long", 10, 33)

empty = Pipeline(
    "empty",
    description="The graph of StreamRec, without its work.",
    partitions=Partitions(start=FIRST_DAY),
    steps=(
        step(f"{_HERE}:nothing", name="raw", output=_VALUE),
        step(f"{_HERE}:passed", name="validated", inputs={"value": "raw"}, output=_VALUE),
        step(f"{_HERE}:passed", name="features", inputs={"value": "validated"}, output=_VALUE),
        step(f"{_HERE}:passed", name="retrieval", inputs={"value": "features"}, output=_VALUE),
        step(f"{_HERE}:passed", name="ranking", inputs={"value": "features"}, output=_VALUE),
        step(f"{_HERE}:passed", name="retrieval_checked", inputs={"value": "retrieval"}, output=_VALUE),
        step(f"{_HERE}:passed", name="ranking_checked", inputs={"value": "ranking"}, output=_VALUE),
        step(
            f"{_HERE}:joined",
            name="registered",
            inputs={"left": "retrieval_checked", "right": "ranking_checked"},
            output=_VALUE,
            trigger_rule=TriggerRule.ALL_DONE,
        ),
    ),
)

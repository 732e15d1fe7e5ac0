from datetime import timedelta

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, Pool, RetryPolicy, Schedule, step

from . import steps

pipeline = Pipeline(
    "orchard",
    (
        step(steps.harvest, output=Output(OutputKind.TABLE), timeout=timedelta(minutes=5)),
        step(steps.graded, output=Output(OutputKind.TABLE), pool="press", retry=RetryPolicy(1, timedelta(seconds=1))),
        step(steps.summary, output=Output(OutputKind.VALUE)),
    ),
    Partitions(start="2026-01-01"),
    pools=(Pool("press", 1),),
    schedule=Schedule("0 2 * * *"),
    deadline=timedelta(hours=6),
    config={"fields": 1, "folder": "."},
    description="Apples of a day, graded.",
)

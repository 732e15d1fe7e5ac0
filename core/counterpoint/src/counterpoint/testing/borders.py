"""Two pipelines of which one reads the other; scenarios of the conformance kit."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Output, OutputKind, PartitionKind, Partitions, Pipeline, input_from
from counterpoint.testing.naming import named

_TABLE = Output(OutputKind.TABLE)
SOURCE = f"{__name__}:across_source"
_EVENTS = f"{SOURCE}.across_events"
_POLL = timedelta(seconds=1)

across_source = Pipeline(
    "across_source",
    description="Weeks of a table that another pipeline reads.",
    partitions=Partitions(PartitionKind.WEEKLY, "2026-01-05"),
    steps=(named("across_events", "events", output=_TABLE),),
)

across = Pipeline(
    "across",
    description="Steps that read the week before their day from another pipeline: alone, and by a window.",
    partitions=Partitions(start="2026-01-01"),
    config={"offset": 1},
    steps=(
        named("across_counts", "counts", inputs={"table": input_from(_EVENTS, shift=-1, poll=_POLL)}, output=_TABLE),
        named("across_rows", "window_rows", inputs={"days": input_from(_EVENTS, "t-1..t-1", poll=_POLL)}),
        named("across_total", "total", inputs={"numbers": "across_rows"}, after=("across_counts",)),
    ),
)

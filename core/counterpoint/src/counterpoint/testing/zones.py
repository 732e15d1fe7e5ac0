"""A pipeline whose partitions are weeks of a time zone; a scenario of the conformance kit."""

from __future__ import annotations

from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, windowed
from counterpoint.testing.naming import named

local_weeks = Pipeline(
    "local_weeks",
    description="Weeks of a time zone, one of which has a day of 23 hours.",
    partitions=Partitions(PartitionKind.WEEKLY, "2026-03-02", timezone="Europe/Berlin"),
    schedule=Schedule("0 6 * * 1", "Europe/Berlin"),
    steps=(
        named("weeks_hours", "hours"),
        named("weeks_window", "by_week", inputs={"weeks": windowed("weeks_hours", "t-1..t")}),
    ),
)

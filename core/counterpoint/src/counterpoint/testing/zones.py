"""A pipeline whose partitions are weeks of a time zone; a scenario of the conformance kit."""

from __future__ import annotations

from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, step, windowed

_STEPS = "counterpoint.testing.steps"

local_weeks = Pipeline(
    "local_weeks",
    description="Weeks of a time zone, of which one has a day of 23 hours.",
    partitions=Partitions(PartitionKind.WEEKLY, "2026-03-02", timezone="Europe/Berlin"),
    schedule=Schedule("0 6 * * 1", "Europe/Berlin"),
    steps=(
        step(f"{_STEPS}:hours", name="weeks_hours"),
        step(f"{_STEPS}:by_week", name="weeks_window", inputs={"weeks": windowed("weeks_hours", "t-1..t")}),
    ),
)

from datetime import timedelta

from counterpoint.model import (
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    Pool,
    RetryPolicy,
    Schedule,
    TriggerRule,
    When,
    step,
    windowed,
)

TABLE = Output(OutputKind.TABLE)
AGAIN = RetryPolicy(1, timedelta(seconds=1), timedelta(seconds=1))

pipeline = Pipeline(
    "late_parcels",
    partitions=Partitions(start="2026-03-01"),
    schedule=Schedule("15 1 * * *"),
    deadline=timedelta(hours=2),
    pools=(Pool("service", 1),),
    config={"folder": "", "outbox": "", "rounds": 6, "bar": 0.9, "region": ["north", "south", "west"]},
    steps=(
        step("parcels.sources.warehouse:parcels", observe="parcels.sources.warehouse:delivered", output=TABLE, retry=AGAIN),
        step("parcels.sources.service:carriers", pool="service", retry=AGAIN),
        step("parcels.features:joined", output=Output(OutputKind.TABLE, contract="parcels.contracts:joined")),
        step("parcels.features:daily", inputs={"days": windowed("joined", "t-1..t")}, output=TABLE),
        step("parcels.features:trend", inputs={"days": windowed("daily", "t-1..t")}, output=TABLE),
        step("parcels.features:features", output=TABLE),
        step("parcels.learning:model", output=Output(OutputKind.MODEL), timeout=timedelta(minutes=5)),
        step("parcels.learning:evaluation", output=Output(OutputKind.METRICS)),
        step("parcels.learning:gate", output=Output(OutputKind.BRANCH, choices=("publish", "hold"))),
        step("parcels.learning:published", when=When("gate", "publish")),
        step("parcels.learning:held", when=When("gate", "hold")),
        step("parcels.learning:by_region", map_over="region"),
        step(
            "parcels.telling:notify",
            after=("published", "held", "by_region"),
            trigger_rule=TriggerRule.ALL_DONE,
        ),
    ),
)

"""Pipelines that wait: for markers and tables below the root, and for one another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from counterpoint.model import (
    PartitionKind,
    Partitions,
    Pipeline,
    Pool,
    Schedule,
    TriggerRule,
    marker,
    partition_of,
    step,
)
from counterpoint.model import table_written as written

QUICK = {"poll": timedelta(seconds=0.1), "timeout": timedelta(minutes=2)}
BRIEF = {"poll": timedelta(seconds=0.1), "timeout": timedelta(seconds=0.4)}
START = Partitions(start="2026-01-01")


@step()
def early(partition):
    return partition.day.day


@step(waits=(marker("markers/{partition}/_SUCCESS", **QUICK),), pool="narrow")
def patient(early):
    return early + 1


@step(pool="narrow")
def beside(early):
    return early + 2


@step()
def after(patient, beside):
    return [patient, beside]


# the step that waits comes first: it must hold neither the only slot nor the only worker
waiting = Pipeline("waiting", (early, patient, beside, after), START, pools=(Pool("narrow", 1),))

# on services a look may take a process that starts
POLLED = marker("markers/{partition}/_SUCCESS", poll=timedelta(seconds=20), timeout=timedelta(minutes=5))
served = replace(
    waiting, name="served", steps=tuple(replace(s, waits=(POLLED,) if s.waits else ()) for s in waiting.steps)
)


@step(waits=(marker("markers/{partition}", **BRIEF), written("tables/orders", **QUICK)))
def tired(early):
    return early


@step(trigger_rule=TriggerRule.ALL_DONE)
def anyway(tired):
    return tired


@step()
def never(tired):
    return tired


short = Pipeline("short", (early, tired, never, anyway), START)


@step()
def ingested(partition):
    return partition.key


@step(map_over="ingested")
def each(ingested):
    return ingested


ingest = Pipeline("ingest", (ingested, each), START)
hourly = Pipeline("hourly", (ingested,), Partitions(PartitionKind.HOURLY, "2026-01-01T00"))
monthly = Pipeline("monthly", (ingested,), Partitions(PartitionKind.MONTHLY, "2026-01"))


@step(waits=(partition_of("patience:ingest", "ingested", **QUICK),))
def used(partition):
    return partition.key


later = Pipeline("later", (used,), START)


@step(waits=(partition_of("patience:ingest", "each", **QUICK),))
def wrong(partition):
    return partition.key


mistaken = Pipeline("mistaken", (wrong,), START)


@step(waits=(partition_of("patience:first", "turned", **BRIEF),))
def turning():
    return 1


@step(waits=(partition_of("patience:second", "turning", **BRIEF),))
def turned():
    return 1


first = Pipeline("first", (turned,), START)
second = Pipeline("second", (turning,), START)


@step()
def dawn(partition):
    return partition.day.day


@step()
def dusk(dawn):
    return dawn + 1


# two sides share it
shared = Pipeline("shared", (dawn, dusk), START, schedule=Schedule("0 4 * * *"))

"""A pipeline whose steps are quick and run in processes of their own: a number a day, sums over three days."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from counterpoint.errors import SourceError
from counterpoint.model import PartitionKind, Partitions, Pipeline, Pool, Schedule, WindowPolicy, step, windowed
from counterpoint.testing.evidence import attempt_number


def seen(partition, folder):
    return (Path(folder) / "days" / f"{partition.key}.txt").read_text(encoding="ascii")


@step(observe=f"{__name__}:seen")
def raw(partition, folder):
    attempt_number(f"{folder}/evidence", f"raw-{partition.key}")
    text = (Path(folder) / "days" / f"{partition.key}.txt").read_text(encoding="ascii")
    if text == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if not text.isdecimal():
        raise SourceError(f"day {partition.key} holds {text!r}, which is no number: deliver it again")
    return int(text)


@step()
def checked(raw, pause, partition, folder):
    if pause:
        # whoever wants to kill the process of a step finds it here
        working = Path(folder) / "working"
        working.mkdir(exist_ok=True)
        (working / f"{partition.key}.{os.getpid()}").touch()
    time.sleep(pause)
    return raw


@step(inputs={"days": windowed("checked", "t-2..t")}, pool="field")
def sums(days, partition, folder):
    attempt_number(f"{folder}/evidence", f"sums-{partition.key}")
    return sum(days.values())


@step()
def doubled(sums):
    return 2 * sums


@step()
def report(doubled, checked):
    return [doubled, checked]


harvest = Pipeline(
    "harvest",
    (raw, checked, sums, doubled, report),
    Partitions(start="2026-01-01"),
    pools=(Pool("field", 2),),
    schedule=Schedule("0 2 * * *"),
    config={"folder": "", "pause": 0.0},
)

days = replace(harvest, name="days", partitions=Partitions(start="2020-01-01"))
hours = replace(harvest, name="hours", partitions=Partitions(PartitionKind.HOURLY, "2020-01-01T00"))
months = replace(harvest, name="months", partitions=Partitions(PartitionKind.MONTHLY, "2020-01"))
shrinking = replace(harvest, name="shrinking", partitions=replace(harvest.partitions, incomplete=WindowPolicy.SHRINK))

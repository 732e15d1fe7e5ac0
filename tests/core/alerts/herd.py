"""A pipeline that fails on each day, for one cause; on the last it would take long."""

from __future__ import annotations

import time

from counterpoint.model import Partitions, Pipeline, step


@step()
def milk(partition, slow):
    if partition.key == slow:
        time.sleep(600)
    raise ValueError(f"no pail on {partition.key}")


herd = Pipeline("herd", (milk,), Partitions(start="2026-01-01"), config={"slow": ""})

"""Definitions written by hand, on a Dagster beside an Airflow: they wait for it; and a pipeline that waits for both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from counterpoint.model import Partitions, Pipeline, airflow_run, dagster_asset, step
from counterpoint_dagster.bridges import airflow_asset_sensor, airflow_run_sensor

DAILY = dg.DailyPartitionsDefinition("2026-01-01")
QUICK = {"poll": timedelta(seconds=2), "since": datetime(2026, 1, 1, tzinfo=UTC)}
landed, caught, missed, adrift = (dg.AssetSpec(name, partitions_def=DAILY) for name in ("l", "c", "m", "a"))


@dg.asset(key=["fish", "sold"], partitions_def=DAILY, deps=[landed])
def sold() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"table_version": 7, "digest": "sha256:fish", "shape": {"rows": 2}})


defs = dg.Definitions(
    assets=[landed, caught, missed, adrift, sold],
    sensors=[
        airflow_run_sensor("harbour", landed, target=[sold], **QUICK),
        airflow_asset_sensor("catch", caught, **QUICK),
        airflow_run_sensor("market", missed, timeout=timedelta(hours=1), poll=timedelta(seconds=2)),
        airflow_run_sensor("marooned", adrift, url_variable="NOWHERE_URL", **QUICK),
    ],
)


@step(waits=(airflow_run("harbour"), dagster_asset("fish/sold")))
def landing(partition):
    return partition.day.day


crossing = Pipeline("crossing", (landing,), Partitions(start="2026-01-01"))

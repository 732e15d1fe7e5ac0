"""DAGs written by hand, on an Airflow beside a Dagster: one that Dagster waits for, and some that wait for Dagster."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset, task

from counterpoint_airflow.bridges import DagsterAssetSensor

SINCE = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
SOON = {"poll": timedelta(seconds=3), "retries": 0}
PLAIN = {"start_date": SINCE, "catchup": False}


@task(outlets=[Asset("catch")])
def land(*, outlet_events):
    outlet_events[Asset("catch")].extra["boxes"] = 3


@task
def sell(found):
    return found["metadata"]["table_version"]


with DAG("harbour", schedule=None, **PLAIN):
    land()

with DAG("market", schedule=None, **PLAIN):
    fish = DagsterAssetSensor(task_id="fish", asset_key="fish/sold", timeout=timedelta(minutes=9), **SOON)
    sell(fish.output)

with DAG("hungry", schedule=None, **PLAIN):
    DagsterAssetSensor(task_id="fish", asset_key="fish/never", timeout=timedelta(seconds=8), **SOON)

with DAG("marooned", schedule=None, **PLAIN):
    nowhere = os.environ["NOWHERE_URL"]
    DagsterAssetSensor(task_id="fish", asset_key="fish/sold", url=nowhere, timeout=timedelta(seconds=8), **SOON)

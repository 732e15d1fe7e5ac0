"""A pipeline that waits for an Airflow and for a Dagster."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import Partitions, Pipeline, airflow_run, dagster_asset, step

QUICK = {"poll": timedelta(seconds=0.05), "timeout": timedelta(seconds=30)}
BRIEF = {"poll": timedelta(seconds=0.05), "timeout": timedelta(seconds=0.3)}


@step(waits=(airflow_run("harbour", **QUICK), dagster_asset("fish/sold", **QUICK)))
def landing(partition):
    return partition.day.day


channel = Pipeline("channel", (landing,), Partitions(start="2026-01-01"))


@step(waits=(airflow_run("hungry", **BRIEF),))
def starving(partition):
    return partition.day.day


famine = Pipeline("famine", (starving,), Partitions(start="2026-01-01"))


@step(waits=(airflow_run("harbour", url_variable="UNSET_URL"),))
def lost(partition):
    return partition.day.day


nowhere = Pipeline("nowhere", (lost,), Partitions(start="2026-01-01"))

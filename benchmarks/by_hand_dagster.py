"""The chain of bench_overhead.py as one would write it for Dagster alone: daily assets and a job."""

import os
from itertools import pairwise
from typing import Any

import dagster as dg

DAILY = dg.DailyPartitionsDefinition("2026-01-01")


def make(names: list[str]) -> dg.Definitions:
    """The definitions; values go from asset to asset by Dagster's own IO manager."""

    @dg.asset(name=names[0], partitions_def=DAILY)
    def begin(context: dg.AssetExecutionContext) -> dict[str, Any]:
        return {"date": context.partition_key, "numbers": [1, 2, 3]}

    assets = [begin, *(_grow(name, before) for before, name in pairwise(names))]
    return dg.Definitions(assets=assets, jobs=[dg.define_asset_job("by_hand", assets, partitions_def=DAILY)])


def _grow(name: str, before: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, partitions_def=DAILY, ins={"given": dg.AssetIn(before)})
    def grow(given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "numbers": [number + 1 for number in given["numbers"]]}

    return grow


def run(names: list[str], date: str) -> bool:
    """Runs it for a day; whether that went well."""
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(os.environ["DAGSTER_HOME"], overrides=quiet) as instance:
        job = make(names).resolve_job_def("by_hand")
        return bool(job.execute_in_process(instance=instance, partition_key=date).success)

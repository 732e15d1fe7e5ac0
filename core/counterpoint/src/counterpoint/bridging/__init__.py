"""Reads the outputs of other orchestrators by their APIs: runs of Airflow DAGs, materializations of Dagster assets."""

from __future__ import annotations

from counterpoint.bridging.airflow import events_since, run_of, runs_since
from counterpoint.bridging.dagster import materialization_of
from counterpoint.bridging.found import External, moment_of
from counterpoint.bridging.servers import Server, server_of
from counterpoint.bridging.sources import Events, Runs, Source, unseen

__all__ = [
    "Events",
    "External",
    "Runs",
    "Server",
    "Source",
    "events_since",
    "materialization_of",
    "moment_of",
    "run_of",
    "runs_since",
    "server_of",
    "unseen",
]

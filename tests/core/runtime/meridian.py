"""Meridian Freight in small: a snapshot that an ingest renews every night, until the night on which it dies."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from counterpoint.model import Observed, Output, Partitions, Pipeline, step, windowed

DAYS = Partitions(start="2026-01-01")
FEED = {"feed": ""}
LIMIT = timedelta(days=2)


def snapshot(feed):
    told = json.loads(Path(feed).read_text())
    return Observed(f"rows {told['rows']}", datetime.fromisoformat(told["as_of"]))


@step(observe="meridian:snapshot", max_input_age=LIMIT)
def telemetry(feed):
    return json.loads(Path(feed).read_text())["rows"]


@step()
def features(telemetry):
    return telemetry * 2


nightly = Pipeline("nightly", (telemetry, features), DAYS, config=FEED)


@step(observe="meridian:snapshot")
def unlimited(feed):
    return json.loads(Path(feed).read_text())["rows"]


@step()
def between(unlimited):
    return unlimited


@step(max_input_age=LIMIT)
def late_features(between):
    return between


@step(inputs={"days": windowed("between", "t-3..t")}, max_input_age=LIMIT)
def weekly(days):
    return sum(days.values())


@step(observe="meridian:snapshot", output=Output(partitioned=False))
def fleet(feed):
    return json.loads(Path(feed).read_text())["rows"]


@step(output=Output(partitioned=False))
def depots():
    return 3


@step(max_input_age=LIMIT)
def routes(fleet, depots):
    return fleet * depots


passing = Pipeline("passing", (unlimited, between, late_features, weekly, fleet, depots, routes), DAYS, config=FEED)

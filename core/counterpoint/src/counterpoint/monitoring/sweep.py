"""One sweep over all pipelines below a root: alerts about late runs and old outputs, and delivers due messages."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.alerts import deliver_due, tell
from counterpoint.backfill.snapshot import Snapshot
from counterpoint.errors import StorageError
from counterpoint.model import PRODUCTION, RunRequest
from counterpoint.monitoring.findings import look_at_outputs, look_at_run
from counterpoint.monitoring.notifications import alert_of_output, alert_of_run
from counterpoint.monitoring.schedule import due
from counterpoint.runtime.registry import find_pipeline, name_of, registered
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from counterpoint.alerts import Alert

log = logging.getLogger(__name__)
# a loop that sweeps every minute does not repeat an alert every minute
_REPEATED = timedelta(minutes=30)


def names_below(root: str) -> list[str]:
    """The registered pipelines that were run below a root.

    Raises:
        StorageError: the root cannot be read.
    """
    objects = Objects(root)
    used = {*objects.folders(layout.RUNS), *objects.folders(layout.catalog_pipelines(PRODUCTION))}
    return [name for name in registered() if name in used or name_of(name) in {*used, None}]


def watch(root: str, names: Sequence[str], now: datetime, told: dict[str, datetime] | None = None) -> dict[str, Any]:
    """Checks pipelines, sends alerts about late runs and old outputs, and delivers due messages; returns the findings.

    A pipeline that cannot be checked is reported in the answer, and does not keep the others from being checked. `told`
    remembers for the next sweep which alerts were sent, and when.

    Raises:
        StorageError: the root cannot be read.
        UsageError: the file of routes is wrong.
    """
    pipelines: list[dict[str, Any]] = []
    objects, told = Objects(root), {} if told is None else told
    for name in names:
        try:
            findings, alerts = _check(root, name, now)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad pipeline must not blind the watcher for the others
            log.warning("%s cannot be watched: %s: %s", name, type(error).__name__, error)
            pipelines.append({"pipeline": name, "error": f"{type(error).__name__}: {error}", "runs": [], "outputs": []})
            continue
        pipelines.append(findings)
        for alert in alerts:
            _tell(objects, alert, now, told)
    return {"at": now.isoformat(), "root": root, "pipelines": pipelines, "alerts": deliver_due(objects, now=now)}


def _tell(objects: Objects, alert: Alert, now: datetime, told: dict[str, datetime]) -> None:
    key = f"{alert.id} {alert.partition}"
    if key not in told or now - told[key] >= _REPEATED:
        told[key] = now
        tell(objects, alert, now=now)


def _check(root: str, name: str, now: datetime) -> tuple[dict[str, Any], list[Alert]]:
    pipeline = find_pipeline(name)
    store = Snapshot(root, pipeline, PRODUCTION)
    requests = [(run, RunRequest(name, run.partition, "", root, steps=())) for run in due(pipeline, now)]
    runs = [look_at_run(store, request, run, now) for run, request in requests]
    outputs = list(look_at_outputs(store, now))
    alerts = [alert_of_run(name, pipeline, run, root) for run in runs]
    alerts += [alert_of_output(name, pipeline, output, now, root) for output in outputs]
    findings = {
        "pipeline": name,
        "error": None,
        "runs": [run.to_dict() for run in runs],
        "outputs": [output.to_dict() for output in outputs],
    }
    return findings, [alert for alert in alerts if alert]

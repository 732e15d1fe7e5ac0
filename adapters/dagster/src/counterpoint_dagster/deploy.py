"""Dagster's services: the webserver, the daemon, and a database."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.adapter import Plan, Process
from counterpoint.errors import ServiceError
from counterpoint.runtime import find_pipeline, refuse_shared_steps
from counterpoint.service_environment import SITE_TAG
from counterpoint.services.claims import Claim, carried_out, may_set
from counterpoint_dagster.client import graphql
from counterpoint_dagster.keys import LOCATION, MAX_PARALLEL
from counterpoint_dagster.servers import commands

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagster as dg

    from counterpoint.adapter import ServiceEnvironment
    from counterpoint.model import Pool

_DATABASE = "COUNTERPOINT_DAGSTER_DATABASE"  # the whole URL with its password, which is written to no file
_READY = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""
# the pools that service environments have created, in a database that others may use too
_POOLS = "counterpoint/pools"
# how many runs may run at once, and how many of those with a tag
_MOST = max(2, os.cpu_count() or 2)
_LIMITS = ", ".join(f"{{key: {MAX_PARALLEL}, value: '{count}', limit: {count}}}" for count in range(1, _MOST))
_YAML = f"""telemetry: {{enabled: false}}
nux: {{enabled: false}}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {{dequeue_interval_seconds: 1}}
concurrency:
  runs: {{max_concurrent_runs: {_MOST}, tag_concurrency_limits: [{_LIMITS}]}}
  pools: {{granularity: op}}
run_monitoring: {{enabled: true, start_timeout_seconds: 300, poll_interval_seconds: 10}}
freshness: {{enabled: true}}
auto_materialize: {{minimum_interval_seconds: 30}}
sensors: {{use_threads: true, num_workers: 2}}
"""


def plan(target: ServiceEnvironment) -> Plan:
    """The services of a service environment; its configuration is written into its home.

    Raises:
        UsageError: two of its pipelines have a step of the same name.
    """
    refuse_shared_steps(target.pipelines)
    url = target.database and f"postgresql://{target.database.partition('://')[2]}"
    storage = f"storage: {{postgres: {{postgres_url: {{env: {_DATABASE}}}}}}}\n" if url else ""
    (target.home / "dagster.yaml").write_text(_YAML + storage, encoding="utf-8")
    repair = (sys.executable, "-P", "-m", "counterpoint_dagster.deploy", *target.pipelines)
    return Plan(
        prepare=(Process("database", repair),),
        # a run is a child of the code server, and ends with it
        processes=tuple(
            Process(name, tuple(words), recover=repair if name == "code-server" else ())
            for name, words in commands(target).items()
        ),
        ready=lambda: _missing(target),
        environment={
            "DAGSTER_HOME": str(target.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **({_DATABASE: url} if url else {}),
        },
        # options of Dagster's commands: the user's own variables are for other servers
        without=("DAGSTER_HOME", "DAGSTER_WEBSERVER_", "DAGSTER_DAEMON_", "DAGSTER_GRPC_", "DAGSTER_CLI_API_"),
    )


def _missing(target: ServiceEnvironment) -> str | None:
    """What is not ready yet; None when runs can be launched."""
    try:
        answer = graphql(target, _READY, {})
    except ServiceError:
        return "the webserver does not answer yet"
    for entry in answer["workspaceOrError"].get("locationEntries", ()):
        loaded = entry["locationOrLoadError"] or {}
        if loaded.get("__typename") == "PythonError":
            raise ServiceError(f"dagster could not load the pipelines: {loaded['message']}")
        if entry["loadStatus"] != "LOADED":
            return "the pipelines are being loaded"
    daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
    sick = [daemon["daemonType"] for daemon in daemons if daemon["required"] and not daemon["healthy"]]
    return f"no heartbeat yet of: {', '.join(sick)}" if sick else None


def put_in_order(pipelines: list[str]) -> None:
    """Gives every declared pool its slots, and fails the runs of a daemon that was killed: Dagster would wait for them.

    Raises:
        UsageError: this process belongs to no service environment, or another service environment uses the database.
    """
    import dagster as dg

    mine = Claim.here()
    with dg.DagsterInstance.get() as instance:
        own = is_own(instance, mine.home)
        if not own:
            values = instance.run_storage.get_cursor_values({SITE_TAG})
            mine.refuse_other(values.get(SITE_TAG), f"delete the key {SITE_TAG} from its table kvs")
            instance.run_storage.set_cursor_values({SITE_TAG: mine.to_json()})
        _set_pools(instance, [pool for name in pipelines for pool in find_pipeline(name).pools], own=own)
        lost = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
        for run in instance.get_runs(dg.RunsFilter(statuses=list(lost))):
            if is_of_target(run, mine.target, own=own):
                instance.report_run_failed(run, "its worker was killed")


def is_own(instance: dg.DagsterInstance, home: str) -> bool:
    """Whether the database lies in the service environment's own home, where no other can be."""
    return type(instance.run_storage).__name__.startswith("Sqlite") and Path(instance.root_directory) == Path(home)


def is_of_target(run: dg.DagsterRun, target: str, *, own: bool) -> bool:
    """Whether a run belongs to a target; in the target's own database, also an untagged run of an earlier release."""
    tag = run.tags.get(SITE_TAG)
    return tag == target or (own and tag is None and location_of(run.remote_job_origin) == LOCATION)


def location_of(origin: Any) -> str | None:
    """The code location that a run or a schedule comes from."""
    repository = getattr(origin, "repository_origin", None)
    return getattr(getattr(repository, "code_location_origin", None), "location_name", None)


def _set_pools(instance: dg.DagsterInstance, pools: Iterable[Pool], *, own: bool) -> None:
    storage, cursors = instance.event_log_storage, instance.run_storage
    existing = {limit.name: limit.limit for limit in storage.get_pool_limits() if not limit.from_default}
    made_here = set(json.loads(cursors.get_cursor_values({_POOLS}).get(_POOLS, "[]")))
    for pool in pools:
        if may_set(pool, existing.get(pool.name), ours=own or pool.name in made_here):
            storage.set_concurrency_slots(pool.name, pool.slots)
            cursors.set_cursor_values({_POOLS: json.dumps(sorted(made_here := made_here | {pool.name}))})


if __name__ == "__main__":
    sys.exit(carried_out(lambda: put_in_order(sys.argv[1:])))

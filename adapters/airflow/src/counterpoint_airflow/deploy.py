"""Airflow's services in their own home: database, API server, scheduler, DAG processor and triggerer."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from counterpoint import garbage
from counterpoint.adapter import Plan, Process
from counterpoint.errors import ServiceError, UsageError
from counterpoint.files import put, put_private
from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import USER
from counterpoint.services.claims import Claim, carried_out, may_set
from counterpoint_airflow.client import call
from counterpoint_airflow.keys import MADE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine

    from counterpoint.adapter import ServiceEnvironment

# the DAG file, and the table that names the service environment that uses a database
_FILE, _TABLE = "counterpoint_dags.py", "counterpoint_site"
_PASSWORDS = "passwords.json"
_ENTRY = "from counterpoint_airflow.dags import served  # airflow DAGs\n\nglobals().update(served())\n"
# variables of the user's own Airflow installation, which are not passed on; his connections, variables, secrets are
_OF_AN_INSTALLATION = (
    "AIRFLOW_HOME",
    "AIRFLOW_CONFIG",
    "AIRFLOW_CTX_",
    "__AIRFLOW_",
    "AIRFLOW__API",
    "AIRFLOW__CORE__",
    "AIRFLOW__DAG_PROCESSOR__",
    "AIRFLOW__DATABASE__",
    "AIRFLOW__EXECUTION_API__",
    "AIRFLOW__LOGGING__",
    "AIRFLOW__SCHEDULER__",
    "AIRFLOW__TRIGGERER__",
    "AIRFLOW__WORKERS__",
)
_COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def environment(home: Path, secret: str, database: str | None, url: str) -> dict[str, str]:
    """The configuration of Airflow as environment variables; Airflow writes everything into `home`."""
    port = url.rpartition(":")[2]
    settings = {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(max(2, os.cpu_count() or 2)),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / _PASSWORDS),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secret,
        "API_AUTH__JWT_SECRET": secret,
        "DATABASE__SQL_ALCHEMY_CONN": _database(home, database),
        # most of the gap between two tasks; at 0.1 an idle scheduler takes a fifth of a core
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        # how soon Airflow notices the tasks of a killed scheduler or worker
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
        # a task that a schedule starts at once may be ready before the API server
        "WORKERS__EXECUTION_API_RETRIES": "10",
        # longer than a lock lasts: a task that repeats its request to start is told that it already runs, and fails
        "WORKERS__EXECUTION_API_TIMEOUT": "60",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "LOGGING__BASE_LOG_FOLDER": str(home / "task-logs"),
        "LOGGING__LOGGING_LEVEL": "WARNING",
        # it would log an error for each upstream task without a result, such as one that is not part of the run
        "LOGGING__NAMESPACE_LEVELS": "airflow.sdk.api.client=CRITICAL",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    places = {"AIRFLOW_HOME": str(home), "AIRFLOW_CONFIG": str(home / "airflow.cfg")}
    return {**places, **{f"AIRFLOW__{name}": value for name, value in settings.items()}}


def _database(home: Path, database: str | None, patience: int = 60) -> str:
    """The database URL. SQLite has one writer at a time: the others wait up to `patience` seconds."""
    if database:
        return f"postgresql+psycopg2://{database.partition('://')[2]}"
    return f"sqlite:///{home / 'airflow.db'}?timeout={patience}"


def plan(target: ServiceEnvironment) -> Plan:
    """The services of a service environment; the DAG file and the key are written into its home."""
    _write_entry(target.home)
    put_private(target.home / _PASSWORDS, json.dumps({USER: target.password}))
    airflow = str(Path(sys.executable).parent / "airflow")
    # Airflow writes an audit row in the API server's event loop, and a request that holds the database lock needs that
    # loop to end. One of the two must fail and retry before the waiting scheduler counts as dead with all its tasks
    restart_during_startup = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _database(target.home, target.database, patience=5)
    }
    # no log servers: they would listen on fixed ports, and the API server reads the log files itself
    names = ("scheduler --skip-serve-logs", "dag-processor", "triggerer --skip-serve-logs")
    # after one signal, a triggerer waits 10 s for a child process that has already ended
    others = (Process(name.split()[0], (airflow, *name.split()), slow="triggerer" in name) for name in names)
    return Plan(
        prepare=(Process("migrate", (sys.executable, "-P", "-m", "counterpoint_airflow.deploy", *target.pipelines)),),
        processes=(Process("api-server", garbage.command("airflow", "api-server"), restart_during_startup), *others),
        ready=lambda: _missing(target),
        environment=environment(target.home, target.secret, target.database, target.url()),
        without=_OF_AN_INSTALLATION,
    )


def _write_entry(home: Path) -> None:
    """The DAG file, and the file of settings with the key by which the components encrypt."""
    folder = home / "dags"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(_ENTRY, encoding="utf-8")
    if not (config := home / "airflow.cfg").exists():
        # otherwise each component writes a file with its own key, and cannot read what another one has encrypted
        put(config, f"[core]\nfernet_key = {Fernet.generate_key().decode()}\n")


def _missing(target: ServiceEnvironment) -> str | None:
    """What is not ready yet; None when runs can be triggered. A run would wait forever for a pool that is missing."""
    try:
        health = call(target, "/monitor/health")
        sick = [name for name in _COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]
        if sick:
            return f"not healthy yet: {', '.join(sick)}"
        for pipeline in map(find_pipeline, target.pipelines):
            call(target, f"/dags/{pipeline.name}")
            for pool in pipeline.pools:
                call(target, f"/pools/{pool.name}")
    except ServiceError as error:
        return str(error).splitlines()[0][:160]
    return None


@contextmanager
def configured(home: Path, pipeline: str) -> Iterator[None]:
    """Configures Airflow in this process for a home and creates its database; an imported Airflow is reconfigured."""
    original = dict(os.environ)
    os.environ.update(environment(home, "0" * 64, None, "http://127.0.0.1:8080"), COUNTERPOINT_PIPELINES=pipeline)
    try:
        from airflow import settings

        if _database(home, None) != settings.SQL_ALCHEMY_CONN:
            settings.configure_vars()
            settings.reconfigure_orm()
        _write_entry(home)
        make_database([pipeline])
        yield
    finally:
        os.environ.clear()
        os.environ.update(original)


def make_database(pipelines: list[str]) -> None:
    """Migrates the database and gives every declared pool its slots, before any task can wait for a slot."""
    from airflow import settings
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    if settings.engine.dialect.name == "sqlite":
        with settings.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # readers do not block the writer
    for pool in (pool for name in pipelines for pool in find_pipeline(name).pools):
        existing = Pool.get_pool(pool.name)
        ours = existing is not None and (existing.description or "").startswith(MADE)
        if may_set(pool, existing.slots if existing else None, ours=ours):
            Pool.create_or_update_pool(pool.name, pool.slots, MADE, include_deferred=False)


def claim(pipelines: list[str]) -> None:
    """Creates the database of a target. A database given by `--database` serves one target, and no team's Airflow.

    Raises:
        UsageError: this process belongs to no service environment, or another one uses the database.
    """
    from airflow import settings

    mine = Claim.here()
    if settings.engine.dialect.name != "sqlite" or settings.engine.url.database != str(Path(mine.home) / "airflow.db"):
        _claim_given(mine, settings.engine)
    make_database(pipelines)


def _claim_given(mine: Claim, engine: Engine) -> None:
    import sqlalchemy as sa

    with engine.begin() as connection:
        table = sa.Table(_TABLE, sa.MetaData(), sa.Column("claim", sa.Text, nullable=False))
        table.create(connection, checkfirst=True)
        mine.refuse_other(connection.scalar(sa.select(table.c.claim)), f"drop its table {_TABLE}")
        _refuse_foreign_dags(connection)
        connection.execute(table.delete())
        connection.execute(table.insert().values(claim=mine.to_json()))


def _refuse_foreign_dags(connection: Connection) -> None:
    """Refuses a team's own database: an Airflow deactivates every DAG in it that its own files do not hold."""
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("dag"):
        return
    others = connection.execute(
        sa.text("SELECT dag_id FROM dag WHERE fileloc NOT LIKE :ours"), {"ours": f"%{_FILE}"}
    ).scalars()
    if names := list(others):
        raise UsageError(
            f"the database holds DAGs that Counterpoint did not make ({', '.join(sorted(names)[:3])}), which a second"
            " Airflow would take out of service: give it a --database of its own"
        )


if __name__ == "__main__":
    sys.exit(carried_out(lambda: claim(sys.argv[1:])))

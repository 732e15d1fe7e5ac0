"""Texts of DAG files for the tests of the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoint_migrate.inventory import Dag, Inventory

HEAD = """
import copy, csv, os
from functools import partial
from airflow import DAG
from airflow.decorators import dag, task
from airflow.datasets import Dataset
from airflow.models import BaseOperator, Variable
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sensors.base import BaseSensorOperator
from airflow.sensors.external_task import ExternalTaskSensor
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.utils.task_group import TaskGroup
"""


def ids(found: Inventory) -> list[str]:
    return [dag.id for dag in found.dags]


def task_ids(dag: Dag) -> list[str]:
    return [task.id for task in dag.tasks]


def kinds(found: Inventory) -> set[str]:
    return {entry.kind for entry in found.unresolved}


def dag_of(body: str, arguments: str = "") -> str:
    inner = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"{HEAD}\nwith DAG('it', schedule=None{arguments}) as holder:\n{inner}"

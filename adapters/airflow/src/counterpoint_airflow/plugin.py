"""The plugin that registers classes by name before Airflow reads a DAG."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from counterpoint_airflow.deadlines import REFERENCES
from counterpoint_airflow.timetable import PartitionTimetable


class CounterpointPlugin(AirflowPlugin):
    """Registers the timetable of the DAGs and the reference of their deadlines."""

    name = "counterpoint"
    timetables: ClassVar[list[type]] = [PartitionTimetable]
    deadline_references: ClassVar[list[type]] = REFERENCES

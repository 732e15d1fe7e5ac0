"""What Airflow must know of by name before it reads a DAG."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from counterpoint_airflow.deadlines import REFERENCES
from counterpoint_airflow.timetable import PartitionTimetable


class CounterpointPlugin(AirflowPlugin):
    """The timetable of the DAGs, and what their deadlines count from."""

    name = "counterpoint"
    timetables: ClassVar[list[type]] = [PartitionTimetable]
    deadline_references: ClassVar[list[type]] = REFERENCES

"""What Airflow loads: the DAG of every served pipeline."""

from __future__ import annotations

import os

from counterpoint.running import find_pipeline, served_pipelines
from counterpoint_airflow.partitions import SCHEDULES
from counterpoint_airflow.translate import translate

SCHEDULED = bool(os.environ.get(SCHEDULES))
DAGS = {pipeline.name: translate(pipeline, scheduled=SCHEDULED) for pipeline in map(find_pipeline, served_pipelines())}

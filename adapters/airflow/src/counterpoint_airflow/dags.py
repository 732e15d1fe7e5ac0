"""What Airflow loads: the DAG of every served pipeline."""

from __future__ import annotations

import os

from airflow.sdk import DAG, get_parsing_context

from counterpoint.runtime import configured_pipeline, served_pipelines
from counterpoint.service_environment import SCHEDULES
from counterpoint_airflow.translate import translate


def served() -> dict[str, DAG]:
    """The DAGs by their ids; in a task's process, only the DAG of that task."""
    scheduled, wanted = bool(os.environ.get(SCHEDULES)), get_parsing_context().dag_id
    # the page shows these settings as parameters, and sends them back with a run
    pipelines = {name: configured_pipeline(name, "airflow") for name in served_pipelines()}
    return {
        pipeline.name: translate(pipeline, served=name, scheduled=scheduled)
        for name, pipeline in pipelines.items()
        if wanted in {None, pipeline.name}
    }

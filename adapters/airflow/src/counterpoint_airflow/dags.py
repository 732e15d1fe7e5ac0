"""What Airflow loads: the DAG of every served pipeline."""

from __future__ import annotations

import os

from airflow.sdk import DAG, get_parsing_context

from counterpoint.runtime import configured_pipeline, served_pipelines
from counterpoint.service_environment import SCHEDULES
from counterpoint_airflow.translate import translate


def served() -> dict[str, DAG]:
    """The DAGs by their ids; in the process of a task, that of the task alone."""
    scheduled, wanted = bool(os.environ.get(SCHEDULES)), get_parsing_context().dag_id
    # the settings that services serve are what the page shows as parameters, and sends back
    pipelines = {name: configured_pipeline(name, "airflow") for name in served_pipelines()}
    return {
        pipeline.name: translate(pipeline, served=name, scheduled=scheduled)
        for name, pipeline in pipelines.items()
        if wanted in {None, pipeline.name}
    }

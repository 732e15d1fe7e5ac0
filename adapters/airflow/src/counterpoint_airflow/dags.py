"""What Airflow loads: the DAG of every served pipeline."""

from __future__ import annotations

from counterpoint.running import find_pipeline, served_pipelines

from counterpoint_airflow.translate import dag_of

DAGS = {pipeline.name: dag_of(pipeline) for pipeline in map(find_pipeline, served_pipelines())}

"""Clicks, hour by hour, from the bucket that the web servers write to."""
# ruff: noqa: AIR301, AIR311, AIR312

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from shared import defaults

with DAG(
    "clickstream_ingest",
    default_args=defaults("web", retries=4),
    schedule_interval="@hourly",
    start_date=pendulum.datetime(2022, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=3,
    dagrun_timeout=timedelta(minutes=50),
) as dag:
    done = EmptyOperator(task_id="done", trigger_rule="all_done")
    for shard in range(4):
        arrived = S3KeySensor(
            task_id=f"arrived_{shard}",
            bucket_name="larch-weblogs",
            bucket_key=f"{{{{ ts_nodash }}}}/{shard}/_SUCCESS",
            aws_conn_id="weblogs",
            deferrable=True,
            timeout=1800,
        )
        sessions = KubernetesPodOperator(
            task_id=f"sessions_{shard}",
            image="larch/sessions:{{ var.value.sessions_version }}",
            arguments=["--hour", "{{ data_interval_start }}", "--shard", str(shard)],
            execution_timeout=timedelta(minutes=30),
        )
        arrived >> sessions >> done

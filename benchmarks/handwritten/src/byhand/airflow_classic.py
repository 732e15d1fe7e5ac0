"""StreamRec as a classic Airflow DAG: operators, templates, XComs that are pushed and pulled explicitly.

It was written for Airflow 1.10; only its imports were changed for 3.3. Its pools are set in the UI: gpu_pool 4,
feature_store_pool 2, model_registry_pool 1.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import DAG, CronDataIntervalTimetable, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.sdk.exceptions import AirflowFailException

from byhand import alerts
from counterpoint.errors import ContractError, SourceError, UsageError

log = logging.getLogger(__name__)
DECIDING = ["retrieval_model", "ranking_model", "retrieval_evaluation", "ranking_evaluation"]


def tell_failure(context: Any) -> None:
    """Sends an alert for a step that failed after all its retries."""
    alerts.failed(context["task_instance"].task_id, context["ds"], context.get("exception"))


def tell_late(context: Any) -> None:
    """Sends an alert for a run that has not ended by its deadline."""
    alerts.tell(
        "P1", f"streamrec of {context['dag_run']['logical_date'][:10]} is late", "it has not ended after 4 hours"
    )


def is_bad_data(error: Exception) -> bool:
    """Whether a retry cannot help."""
    from pandera.errors import SchemaError, SchemaErrors

    return isinstance(error, (ContractError, SourceError, UsageError, SchemaError, SchemaErrors))


def run_step(step: str, day: str, **context: Any) -> None:
    """Runs a step and pushes its result."""
    from byhand import steps

    try:
        result = getattr(steps, step)(day)
    except Exception as error:
        if is_bad_data(error):
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        raise
    context["ti"].xcom_push(key="result", value=result)


def window_is_validated(day: str) -> bool:
    """Whether all days of the window are validated."""
    from byhand import steps

    missing = steps.missing_days(day)
    if missing:
        log.warning("the window of %s lacks the validated days %s", day, ", ".join(missing))
    return not missing


def register_models(day: str, **context: Any) -> None:
    """Registers each model that passed; a step that failed or never ran has pushed no result."""
    from byhand import steps

    ti = context["ti"]
    succeeded = {name for name in DECIDING if ti.xcom_pull(task_ids=name, key="result") is not None}
    ti.xcom_push(key="result", value=steps.registered_models(day, succeeded))


def fail_run() -> None:
    """Fails the run with any step: the state of a run is that of its last tasks, and registration runs anyway."""
    raise AirflowFailException("a step of this run failed")


default_args = {
    "owner": "recommendations",
    "depends_on_past": False,
    "retries": 0,
    "retry_delay": timedelta(seconds=30),
    "on_failure_callback": tell_failure,
}

training_args: dict[str, Any] = {
    "retries": 2,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
    "pool": "gpu_pool",
}

with DAG(
    dag_id="streamrec_classic",
    description="Retrains the recommender every day",
    default_args=default_args,
    # since Airflow 3, a plain cron expression has no data interval: ds would be the current day
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="UTC"),
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    deadline=DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=4), SyncCallback(tell_late)),
    tags=["streamrec"],
) as dag:
    window = PythonSensor(
        task_id="window",
        python_callable=window_is_validated,
        op_kwargs={"day": "{{ ds }}"},
        mode="reschedule",
        poke_interval=60,
        timeout=3 * 60 * 60,
    )
    raw_interactions = PythonOperator(
        task_id="raw_interactions",
        python_callable=run_step,
        op_kwargs={"step": "raw_interactions", "day": "{{ ds }}"},
        retries=1,
    )
    validated_interactions = PythonOperator(
        task_id="validated_interactions",
        python_callable=run_step,
        op_kwargs={"step": "validated_interactions", "day": "{{ ds }}"},
    )
    training_features = PythonOperator(
        task_id="training_features",
        python_callable=run_step,
        op_kwargs={"step": "training_features", "day": "{{ ds }}"},
        pool="feature_store_pool",
    )
    retrieval_model = PythonOperator(
        task_id="retrieval_model",
        python_callable=run_step,
        op_kwargs={"step": "retrieval_model", "day": "{{ ds }}"},
        **training_args,
    )
    ranking_model = PythonOperator(
        task_id="ranking_model",
        python_callable=run_step,
        op_kwargs={"step": "ranking_model", "day": "{{ ds }}"},
        **training_args,
    )
    retrieval_evaluation = PythonOperator(
        task_id="retrieval_evaluation",
        python_callable=run_step,
        op_kwargs={"step": "retrieval_evaluation", "day": "{{ ds }}"},
    )
    ranking_evaluation = PythonOperator(
        task_id="ranking_evaluation",
        python_callable=run_step,
        op_kwargs={"step": "ranking_evaluation", "day": "{{ ds }}"},
    )
    registered_models = PythonOperator(
        task_id="registered_models",
        python_callable=register_models,
        op_kwargs={"day": "{{ ds }}"},
        trigger_rule="all_done",
        pool="model_registry_pool",
    )
    watcher = PythonOperator(
        task_id="watcher", python_callable=fail_run, trigger_rule="one_failed", on_failure_callback=None
    )

    raw_interactions >> validated_interactions >> training_features
    window >> [training_features, retrieval_model, ranking_model]
    training_features >> [retrieval_model, ranking_model, retrieval_evaluation, ranking_evaluation]
    validated_interactions >> [retrieval_evaluation, ranking_evaluation]
    retrieval_model >> retrieval_evaluation
    ranking_model >> ranking_evaluation
    [retrieval_model, ranking_model, retrieval_evaluation, ranking_evaluation] >> registered_models
    [window, raw_interactions, validated_interactions, training_features] >> watcher
    [retrieval_model, ranking_model, retrieval_evaluation, ranking_evaluation, registered_models] >> watcher

"""StreamRec on Airflow 3.3 with TaskFlow: the day of a run is the start of its data interval, in UTC.

Pools are created at deployment: `python -m byhand.airflow_taskflow > pools.json && airflow pools import pools.json`.
"""

from __future__ import annotations

import json
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    RetryDecision,
    RetryPolicy,
    SyncCallback,
    TriggerRule,
    dag,
    task,
)
from airflow.sdk.exceptions import AirflowFailException

from byhand import alerts
from counterpoint.errors import ContractError, SourceError, UsageError
from streamrec.config import FIRST_DAY

log = logging.getLogger(__name__)
DAY = "{{ data_interval_start | ds }}"
LONGEST_DELAY = timedelta(minutes=10)
POOLS = {"gpu_pool": 4, "feature_store_pool": 2, "model_registry_pool": 1}


@dataclass(frozen=True)
class UnlessDataIsBad(RetryPolicy):
    """Waits for the task's delay, doubled each time, stretched by up to the jitter; bad data fails immediately."""

    jitter: float = 0.0

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:  # noqa: ARG002
        """Whether and when to try again, by the error."""
        # not in a RetryRule, which would import pandera each time the file is parsed
        from pandera.errors import SchemaError, SchemaErrors

        if isinstance(exception, (ContractError, SourceError, UsageError, SchemaError, SchemaErrors)):
            return RetryDecision.fail("another attempt cannot heal the data")
        delay = min(context["task"].retry_delay * 2 ** (try_number - 1), LONGEST_DELAY)
        return RetryDecision.retry(delay * random.uniform(1, 1 + self.jitter))  # noqa: S311


# Airflow does not ask the policy after a worker was killed; it then computes the delay from these values
READING: dict[str, Any] = {
    "retries": 1,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": UnlessDataIsBad(),
}
TRAINING: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": LONGEST_DELAY,
    "retry_policy": UnlessDataIsBad(jitter=0.5),
    "execution_timeout": timedelta(hours=2),
    "pool": "gpu_pool",
}


def tell_failure(context: Any) -> None:
    """Sends an alert for a step that failed after all its retries."""
    alerts.failed(context["ti"].task_id, f"{context['data_interval_start']:%Y-%m-%d}", context.get("exception"))


def tell_late(context: Any) -> None:
    """Sends an alert for a run that has not ended by its deadline."""
    day = context["dag_run"]["data_interval_start"][:10]
    alerts.tell("P1", f"streamrec of {day} is late", "it has not ended 4 hours after it was queued")


@task.sensor(mode="reschedule", poke_interval=timedelta(minutes=1), timeout=timedelta(hours=3))
def window(day: str) -> bool:
    """Waits until the days before the day are validated."""
    from byhand import steps

    missing = steps.missing_days(day)
    if missing:
        log.warning("the window of %s lacks the validated days %s", day, ", ".join(missing))
    return not missing


@task(outlets=[Asset("streamrec/raw_interactions")], **READING)
def raw_interactions(day: str) -> int:
    """One day of events from the source."""
    from byhand import steps

    return steps.raw_interactions(day)


@task(outlets=[Asset("streamrec/validated_interactions")])
def validated_interactions(day: str) -> int:
    """The events that keep the contract."""
    from byhand import steps

    return steps.validated_interactions(day)


@task(outlets=[Asset("streamrec/training_features")], pool="feature_store_pool")
def training_features(day: str) -> int:
    """The features of the window."""
    from byhand import steps

    return steps.training_features(day)


@task(outlets=[Asset("streamrec/retrieval_model")], **TRAINING)
def retrieval_model(day: str) -> dict[str, float]:
    """A two-tower model that finds candidates."""
    from byhand import steps

    return steps.retrieval_model(day)


@task(outlets=[Asset("streamrec/ranking_model")], **TRAINING)
def ranking_model(day: str) -> dict[str, float]:
    """A model that orders candidates."""
    from byhand import steps

    return steps.ranking_model(day)


@task
def retrieval_evaluation(day: str) -> dict[str, Any]:
    """Recall and NDCG on the held-out day."""
    from byhand import steps

    return steps.retrieval_evaluation(day)


@task
def ranking_evaluation(day: str) -> dict[str, Any]:
    """NDCG and AUC on the held-out day."""
    from byhand import steps

    return steps.ranking_evaluation(day)


@task(trigger_rule=TriggerRule.ALL_DONE, pool="model_registry_pool")
def registered_models(day: str, ti: Any = None) -> list[dict[str, Any]]:
    """Registers whichever model passed, also when the other failed."""
    from byhand import steps

    # not by XCom: the XCom of an earlier attempt remains if a cleared task never starts again
    names = sorted(ti.task.upstream_task_ids)
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=names, run_ids=[ti.run_id])[ti.run_id]
    return steps.registered_models(day, {name for name in names if states.get(name) == "success"})


@task(trigger_rule=TriggerRule.ONE_FAILED, on_failure_callback=None)
def watcher() -> None:
    """Fails the run with any step: the state of a run is that of its last tasks, and registration runs anyway."""
    raise AirflowFailException("a step of this run failed")


@dag(
    dag_id="streamrec_by_hand",
    description="Retrains a streaming service's recommender every day: retrieval and ranking, behind a gate.",
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="UTC"),
    start_date=datetime.fromisoformat(FIRST_DAY).replace(tzinfo=UTC),
    catchup=False,
    default_args={"retries": 0, "on_failure_callback": tell_failure},
    deadline=DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=4), SyncCallback(tell_late)),
    tags=["streamrec"],
)
def streamrec() -> None:
    """Reads and validates a day, then trains, evaluates and registers on the window that ends with it."""
    ready, raw, validated = window(DAY), raw_interactions(DAY), validated_interactions(DAY)
    features = training_features(DAY)
    models = retrieval_model(DAY), ranking_model(DAY)
    evaluations = retrieval_evaluation(DAY), ranking_evaluation(DAY)
    registered = registered_models(DAY)

    raw >> validated >> features
    ready >> [features, *models]
    for model, evaluation in zip(models, evaluations, strict=True):
        features >> model >> evaluation >> registered
        [features, validated] >> evaluation
        model >> registered
    [ready, raw, validated, features, *models, *evaluations, registered] >> watcher()


streamrec_by_hand = streamrec()

if __name__ == "__main__":
    print(json.dumps({name: {"slots": slots, "description": "StreamRec"} for name, slots in POOLS.items()}))

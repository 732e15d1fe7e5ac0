"""StreamRec: how its pure functions hang together. The only file that knows steps."""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import (
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    Pool,
    RetryPolicy,
    Schedule,
    Smoke,
    TriggerRule,
    step,
    windowed,
)
from streamrec.config import CONFIG, FIRST_DAY

MODELS_FRESH = timedelta(hours=26)
TRAINING_RETRY = RetryPolicy(retries=2, delay=timedelta(seconds=30), max_delay=timedelta(minutes=10), jitter=0.5)
READING_RETRY = RetryPolicy(retries=1, delay=timedelta(seconds=30))

# Training sees t-6..t-1 only: day t is held out, and a training step has no edge by which to read it.
TRAINING_DAYS = windowed("validated_interactions", "t-6..t-1")

# Whole users, for a user's history is what the models learn from; few rows cannot hold the limits of a whole day.
SMOKE = Smoke(
    {
        "contract": {"minimum_rows": 1, "max_bad_rate": 0.1, "max_null_rate": 0.5, "max_user_share": 1.0},
        "retrieval": {"epochs": 1},
        "ranking": {"epochs": 1, "least_steps": 1},
    },
    key="user_id",
)


def _table(contract: str) -> Output:
    return Output(OutputKind.TABLE, contract=f"streamrec.contracts:{contract}")


pipeline = Pipeline(
    name="streamrec",
    description="Retrains a streaming service's recommender every day: retrieval and ranking, behind a gate.",
    partitions=Partitions(start=FIRST_DAY),
    schedule=Schedule("0 2 * * *"),
    deadline=timedelta(hours=4),
    pools=(Pool("gpu_pool", 4), Pool("feature_store_pool", 2), Pool("model_registry_pool", 1)),
    config=CONFIG,
    smoke=SMOKE,
    steps=(
        step(
            "streamrec.source:raw_interactions",
            output=_table("raw_interactions"),
            retry=READING_RETRY,
            observe="streamrec.source:source_digest",
            description="One day of events from the source.",
        ),
        step(
            "streamrec.validation:validated_interactions",
            output=_table("validated_interactions"),
            reprocess="streamrec.reprocessing:to_their_days",
            description="The events that keep the contract; the others go to the dead letters.",
        ),
        step(
            "streamrec.features:training_features",
            inputs={
                "validated_interactions": windowed(
                    "validated_interactions", "t-6..t", partial="streamrec.features:daily_partials"
                )
            },
            output=_table("training_features"),
            pool="feature_store_pool",
            description="Per user, item, and user and category: sums over the days before each day.",
        ),
        step(
            "streamrec.retrieval:retrieval_model",
            inputs={"interactions": TRAINING_DAYS},
            output=Output(OutputKind.MODEL),
            retry=TRAINING_RETRY,
            timeout=timedelta(hours=2),
            pool="gpu_pool",
            freshness=MODELS_FRESH,
            description="A two-tower model that finds candidates in the whole catalogue.",
        ),
        step(
            "streamrec.ranking:ranking_model",
            inputs={"interactions": TRAINING_DAYS},
            output=Output(OutputKind.MODEL),
            retry=TRAINING_RETRY,
            timeout=timedelta(hours=2),
            pool="gpu_pool",
            freshness=MODELS_FRESH,
            description="A model that orders candidates by the chance of a positive event.",
        ),
        step(
            "streamrec.evaluation:retrieval_evaluation",
            inputs={"interactions": TRAINING_DAYS, "held_out": "validated_interactions"},
            output=Output(OutputKind.METRICS),
            description="Recall and NDCG on the held-out day, beside popularity.",
        ),
        step(
            "streamrec.evaluation:ranking_evaluation",
            inputs={"interactions": TRAINING_DAYS, "held_out": "validated_interactions"},
            output=Output(OutputKind.METRICS),
            description="NDCG@20 and AUC on the held-out day, beside popularity.",
        ),
        step(
            "streamrec.registration:registered_models",
            output=Output(OutputKind.REGISTRATION),
            trigger_rule=TriggerRule.ALL_DONE,
            pool="model_registry_pool",
            description="The gate: registers whichever model passed, also when the other failed.",
        ),
    ),
)

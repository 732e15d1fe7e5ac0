"""The eight steps as plain functions of a day: read from the lake, call the pure function, write to the lake.

This module uses no orchestrator. The file of an orchestrator adds order, retries, time-outs, pools, waits and alerts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from byhand.lake import Lake, days_before
from byhand.settings import Settings
from counterpoint.model import Partitions
from streamrec.config import FIRST_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from counterpoint.model import Partition
    from counterpoint.storage import Model

WINDOW, TRAINING = (6, 0), (6, 1)
VALIDATED, FEATURES = "validated_interactions", "training_features"


def _run_inputs(day: str) -> tuple[Lake, dict[str, Any], str, Partition]:
    settings = Settings.from_environment()
    return Lake(settings.root), settings.functions, settings.source, Partitions(start=FIRST_DAY).partition(day)


def _checked(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    from streamrec import contracts

    getattr(contracts, name).validate(rows, lazy=True)
    return rows


def missing_days(day: str) -> list[str]:
    """The days of the window, up to the day before a day, that are not validated yet."""
    return Lake(Settings.from_environment().root).missing(VALIDATED, days_before(day, *TRAINING))


def raw_interactions(day: str) -> int:
    """One day of events from the source; returns the number of rows."""
    from streamrec.source import raw_interactions as read

    lake, _, source, partition = _run_inputs(day)
    rows = _checked("raw_interactions", read(partition, source).rows)
    lake.write_table("raw_interactions", day, rows)
    return len(rows)


def validated_interactions(day: str) -> int:
    """The events that keep the contract; the others go to the table of rejected rows. Returns the number of rows."""
    from streamrec.features import daily_partials
    from streamrec.validation import validated_interactions as validate

    lake, settings, source, partition = _run_inputs(day)
    validation = validate(lake.read_table("raw_interactions", day), partition, settings["contract"], source)
    lake.write_table("rejected_interactions", day, validation.rejected)
    rows = _checked(VALIDATED, validation.rows)
    lake.write_table("daily_partials", day, daily_partials(rows))
    lake.write_table(VALIDATED, day, rows)
    return len(rows)


def training_features(day: str) -> int:
    """The features of the window that ends with a day; returns the number of rows."""
    from streamrec.features import training_features as sum_up

    lake, _, _, partition = _run_inputs(day)
    rows = _checked(FEATURES, sum_up(lake.read_days("daily_partials", days_before(day, *WINDOW)), partition))
    lake.write_table(FEATURES, day, rows)
    return len(rows)


def retrieval_model(day: str) -> dict[str, float]:
    """Trains the retrieval model; returns the metrics of training."""
    from streamrec.retrieval import retrieval_model as train

    return _trained("retrieval", day, train)


def ranking_model(day: str) -> dict[str, float]:
    """Trains the ranking model; returns the metrics of training."""
    from streamrec.ranking import ranking_model as train

    return _trained("ranking", day, train)


def _trained(kind: str, day: str, train: Callable[..., Any]) -> dict[str, float]:
    lake, settings, _, partition = _run_inputs(day)
    interactions = lake.read_days(VALIDATED, days_before(day, *TRAINING))
    model = train(lake.read_table(FEATURES, day), interactions, partition, settings[kind], settings["seed"])
    lake.write_model(f"{kind}_model", day, model)
    return dict(model.metrics)


def retrieval_evaluation(day: str) -> dict[str, Any]:
    """Recall and NDCG of the retrieval model on the held-out day, beside popularity."""
    from streamrec.evaluation import retrieval_evaluation as evaluate

    return _evaluated("retrieval", day, evaluate, "retrieval")


def ranking_evaluation(day: str) -> dict[str, Any]:
    """NDCG and AUC of the ranking model on the held-out day, beside popularity."""
    from streamrec.evaluation import ranking_evaluation as evaluate

    return _evaluated("ranking", day, evaluate, "seed")


def _evaluated(kind: str, day: str, evaluate: Callable[..., Any], setting: str) -> dict[str, Any]:
    lake, settings, _, partition = _run_inputs(day)
    model, features = lake.read_model(f"{kind}_model", day), lake.read_table(FEATURES, day)
    interactions, held_out = lake.read_days(VALIDATED, days_before(day, *TRAINING)), lake.read_table(VALIDATED, day)
    metrics: dict[str, Any] = evaluate(model, features, interactions, held_out, partition, settings[setting])
    lake.write_json(f"{kind}_evaluation", day, metrics)
    return metrics


def registered_models(day: str, succeeded: set[str]) -> list[dict[str, Any]]:
    """The gate: registers whichever model passed; `succeeded` names the steps of this run that did."""
    from byhand.registry import champions, client_of, register
    from streamrec.registration import registered_models as decide

    lake, settings, _, _ = _run_inputs(day)
    client = client_of(lake.root)

    def model(name: str) -> Model | None:
        return lake.read_model(name, day) if name in succeeded else None

    def evaluation(name: str) -> dict[str, Any] | None:
        return lake.read_json(name, day) if name in succeeded else None

    decisions = decide(
        model("retrieval_model"),
        model("ranking_model"),
        evaluation("retrieval_evaluation"),
        evaluation("ranking_evaluation"),
        champions(client, day),
        settings["gate"],
    )
    folders = {d.step: lake.root / "models" / d.step / day for d in decisions if d.step in succeeded}
    register(client, day, decisions, folders)
    documents = [{name: getattr(decision, name) for name in decision.__dataclass_fields__} for decision in decisions]
    lake.write_json("registered_models", day, documents)
    return documents

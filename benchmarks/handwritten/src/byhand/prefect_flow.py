"""StreamRec on Prefect 3, by hand: a flow for one day, its schedule, and a backfill of days in order.

`python -m byhand.prefect_flow serve` serves the schedule; `... backfill FIRST LAST` runs days here.
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import allow_failure, flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.automations import AutomationCore, DoNothing, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.exceptions import CrashedRun
from prefect.futures import wait
from prefect.schedules import Cron
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff

from byhand.alerts import failed
from counterpoint.errors import ContractError, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect import Flow, Task
    from prefect.client.schemas.objects import FlowRun, State, TaskRun
    from prefect.futures import PrefectFuture

POOLS = {"gpu_pool": 4, "feature_store_pool": 2, "model_registry_pool": 1}
MODELS = ("retrieval_model", "ranking_model")
SCHEDULE = Cron("0 2 * * *", timezone="UTC")
DEADLINE, MODELS_FRESH = timedelta(hours=4), timedelta(hours=26)
TRAINED = {"prefect.task-run.Completed"}
ENDED = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled")}


def may_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a retry can help: not if the data or the settings are wrong."""
    from pandera.errors import SchemaError, SchemaErrors

    error = state.result(raise_on_failure=False)
    return not isinstance(error, (ContractError, SourceError, UsageError, SchemaError, SchemaErrors))


def tell_failed(step: Task[..., Any], _run: TaskRun, state: State[Any]) -> None:
    """Sends an alert for a failed step; hooks run after the last attempt, and not for steps downstream."""
    failed(step.name, runtime.task_run.parameters["day"], state.result(raise_on_failure=False))


def tell_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Sends an alert for a run whose process died before any task hook could run; Prefect passes these names."""
    failed(flow.name, day_of(flow_run.parameters, flow_run.expected_start_time), CrashedRun(state.message))


def day_of(parameters: Mapping[str, Any], due: datetime) -> str:
    """The day of a run: its parameter, or the day before it was scheduled."""
    return parameters.get("day") or str(due.astimezone(UTC).date() - timedelta(days=1))


def day_of_run() -> str:
    """The day of the current run."""
    return day_of(runtime.flow_run.parameters, runtime.flow_run.scheduled_start_time)


def show(step: str, day: str, rows: list[dict[str, Any]]) -> None:
    """Adds a table to the page of the run."""
    create_table_artifact(rows, key=step.replace("_", "-"), description=f"{step} of {day}")


def show_evaluation(step: str, day: str, metrics: dict[str, Any]) -> None:
    """Adds a table with the metrics of a model and of the popularity baseline."""
    model, popularity = metrics["model"], metrics["popularity"]
    show(step, day, [{"metric": name, "model": model[name], "popularity": popularity.get(name)} for name in model])


# Results are persisted per run (the default cache policy: inputs, task source and run), so that a rerun executes only
# the remaining tasks. The data are in the lake; tasks return small values.
step = partial(
    task, persist_result=True, result_serializer="json", retry_condition_fn=may_retry, on_failure=[tell_failed]
)
# Two retries never reach the cap of ten minutes. The wait for a concurrency slot does not count towards the time-out.
training = partial(
    step,
    tags=["gpu_pool"],
    retries=2,
    retry_delay_seconds=exponential_backoff(30),
    retry_jitter_factor=0.5,
    timeout_seconds=2 * 60 * 60,
)


@step(retries=1, retry_delay_seconds=30)
def raw_interactions(day: str) -> int:
    """One day of events from the source; returns the number of rows."""
    from byhand import steps

    return steps.raw_interactions(day)


@step()
def validated_interactions(day: str) -> int:
    """The events that keep the contract; returns the number of rows."""
    from byhand import steps

    return steps.validated_interactions(day)


@step(tags=["feature_store_pool"])
def training_features(day: str) -> int:
    """The features of the window that ends with a day; returns the number of rows.

    Raises:
        NotInLakeError: days of the window are not validated, because their runs failed or never started.
    """
    from byhand import steps
    from byhand.lake import NotInLakeError

    if missing := steps.missing_days(day):
        raise NotInLakeError(f"the window of {day} lacks validated days: {', '.join(missing)}; run them first")
    return steps.training_features(day)


@training()
def retrieval_model(day: str) -> dict[str, float]:
    """Trains the retrieval model; returns the metrics of training."""
    from byhand import steps

    return steps.retrieval_model(day)


@training()
def ranking_model(day: str) -> dict[str, float]:
    """Trains the ranking model; returns the metrics of training."""
    from byhand import steps

    return steps.ranking_model(day)


@step()
def retrieval_evaluation(day: str) -> dict[str, Any]:
    """Recall and NDCG of the retrieval model on the held-out day, beside popularity."""
    from byhand import steps

    metrics = steps.retrieval_evaluation(day)
    show_evaluation("retrieval_evaluation", day, metrics)
    return metrics


@step()
def ranking_evaluation(day: str) -> dict[str, Any]:
    """NDCG and AUC of the ranking model on the held-out day, beside popularity."""
    from byhand import steps

    metrics = steps.ranking_evaluation(day)
    show_evaluation("ranking_evaluation", day, metrics)
    return metrics


@step(tags=["model_registry_pool"])
def registered_models(day: str, succeeded: list[str]) -> list[dict[str, Any]]:
    """The gate: registers whichever model passed; `succeeded` names the steps of this run that did."""
    from byhand import steps

    decisions = steps.registered_models(day, set(succeeded))
    show("registered_models", day, [{name: row[name] for name in ("model", "stage", "reason")} for row in decisions])
    return decisions


def read(day: str) -> PrefectFuture[int]:
    """Submits the steps that ingest a day of events."""
    raw = raw_interactions.submit(day)
    return validated_interactions.submit(day, wait_for=[raw])


@flow(name="streamrec-events", flow_run_name="{day}", on_crashed=[tell_crashed])
def events(day: str) -> int:
    """Only ingests a day of events, for the windows of later days."""
    rows: int = read(day).result()
    return rows


@flow(flow_run_name=day_of_run, on_crashed=[tell_crashed])
def streamrec(day: str | None = None) -> State[Any]:  # noqa: ARG001 - day_of_run reads it
    """Retrains a streaming service's recommender every day: retrieval and ranking, behind a gate."""
    run_day = day_of_run()
    validated = read(run_day)
    features = training_features.submit(run_day, wait_for=[validated])
    retrieval = retrieval_model.submit(run_day, wait_for=[features])
    ranking = ranking_model.submit(run_day, wait_for=[features])
    futures = {
        "retrieval_model": retrieval,
        "ranking_model": ranking,
        "retrieval_evaluation": retrieval_evaluation.submit(run_day, wait_for=[retrieval, features, validated]),
        "ranking_evaluation": ranking_evaluation.submit(run_day, wait_for=[ranking, features, validated]),
    }
    wait(list(futures.values()))
    succeeded = [name for name, future in futures.items() if future.state.is_completed()]
    # failed tasks, and tasks that could not run because of them, do not block registration
    finished = [allow_failure(future) for future in futures.values()]
    futures["registered_models"] = registered_models.submit(run_day, succeeded, wait_for=finished)
    futures["registered_models"].wait()
    # without an explicit state, Prefect completes a run with failed tasks unless their results are requested
    not_done = [name for name, future in futures.items() if not future.state.is_completed()]
    return Failed(message=f"not done: {', '.join(not_done)}") if not_done else Completed(message="all steps are done")


def watches() -> list[AutomationCore]:
    """Automations that trigger when a run has not ended in time, or when no newer model was trained."""
    proactive = partial(EventTrigger, posture=Posture.Proactive)
    deadline = proactive(
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": streamrec.name},
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.Pending", "prefect.flow-run.Late"},
        expect=ENDED,
        within=DEADLINE,
    )
    triggers = {f"{streamrec.name} deadline": deadline}
    for model in MODELS:
        name = {"prefect.resource.id": "prefect.task-run.*", "prefect.resource.name": f"{model}-*"}
        triggers[f"{model} fresh"] = proactive(match=name, after=TRAINED, expect=TRAINED, within=MODELS_FRESH)
    return [AutomationCore(name=name, trigger=trigger, actions=[DoNothing()]) for name, trigger in triggers.items()]


def prepare() -> None:
    """Creates the pools and automations on the server; a tag without a limit does not limit concurrency."""
    with get_client(sync_client=True) as client:
        for tag, slots in POOLS.items():
            client.create_concurrency_limit(tag, slots)
        for automation in watches():
            if existing := client.read_automations_by_name(automation.name):
                client.update_automation(existing[0].id, automation)
            else:
                client.create_automation(automation)


def backfill(first: str, last: str) -> bool:
    """Runs days in order, because each needs the days before it; returns whether all succeeded.

    Missing events of the six days before the first are ingested first. A failed day does not stop later days; the days
    with the failed day in their window then fail with an error that names it.
    """
    from byhand.lake import days_before
    from byhand.steps import missing_days

    for day in missing_days(first):
        events(day, return_state=True)
    days = days_before(last, (date.fromisoformat(last) - date.fromisoformat(first)).days)
    states = [streamrec(day, return_state=True) for day in days]
    return all(state.is_completed() for state in states)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=streamrec.description)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the schedule until interrupted")
    days = commands.add_parser("backfill", help="run days in order, here")
    days.add_argument("first", help="YYYY-MM-DD")
    days.add_argument("last", help="YYYY-MM-DD")
    args = parser.parse_args(arguments)
    prepare()
    if args.command == "backfill":
        return 0 if backfill(args.first, args.last) else 1
    streamrec.serve("daily", schedules=[SCHEDULE])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

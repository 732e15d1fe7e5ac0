"""StreamRec on Dagster: an asset per step and day, windows as partition mappings, the lake behind IO managers.

Annotations are not postponed, because Dagster evaluates them. Frames are `Any`, so that the daemon imports no Polars.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import AssetExecutionContext, MaterializeResult

from byhand import alerts
from byhand.settings import Settings
from counterpoint.errors import ContractError, SourceError, UsageError
from counterpoint.model import Partitions
from streamrec.config import FIRST_DAY

if TYPE_CHECKING:
    from byhand.lake import Lake
    from counterpoint.model import Partition

Days = dict[str, Any]

DAYS = dg.DailyPartitionsDefinition(FIRST_DAY)
WINDOW = dg.TimeWindowPartitionMapping(start_offset=-6, end_offset=0)
# training must not read the held-out day
TRAINING_DAYS = dg.TimeWindowPartitionMapping(start_offset=-6, end_offset=-1)
POOLS = {"gpu_pool": 4, "feature_store_pool": 2, "model_registry_pool": 1}
# up to 30 s, then up to 90 s: Dagster cannot cap a delay, but two retries stay far below ten minutes
TRAINING_RETRY = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
TRAINING_TIMEOUT = timedelta(hours=2)
# Dagster groups re-executions of a run by these tags
ROOT_RUN, PARENT_RUN = "dagster/root_run_id", "dagster/parent_run_id"


def _partition(context: AssetExecutionContext) -> "Partition":
    return Partitions(start=FIRST_DAY).partition(context.partition_key)


def _lake() -> "Lake":
    from byhand.lake import Lake

    return Lake(Settings.from_environment().root)


@contextmanager
def _final_errors() -> Iterator[None]:
    """Fails the step at once if a retry cannot help: wrong data, wrong settings, or a missing input."""
    from byhand.lake import NotInLakeError

    try:
        yield
    except (ContractError, SourceError, UsageError, NotInLakeError) as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error


@contextmanager
def _time_limit(limit: timedelta) -> Iterator[None]:
    """Interrupts the block with a TimeoutError after `limit`, because Dagster has no step time-out."""

    def interrupt(*_: Any) -> None:
        raise TimeoutError(f"not done after {limit}")

    previous_handler = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)


class LakeIOManager(dg.ConfigurableIOManager):
    """Stores outputs in the lake by asset and day; `kind` is the kind of output: table, model or json."""

    kind: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes the output of a day."""
        getattr(_lake(), f"write_{self.kind}")(context.asset_key.path[-1], context.partition_key, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """Reads a day, or a window as a dict by day; the input's metadata may name another table of the asset.

        Raises:
            dagster.Failure: a day is not there.
        """
        name = context.definition_metadata.get("table", context.asset_key.path[-1])
        read = getattr(_lake(), f"read_{self.kind}")
        with _final_errors():
            days = {day: read(name, day) for day in context.asset_partition_keys}
        return days if len(days) > 1 else days[context.asset_partition_key]


def _contract(name: str) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec("contract", asset=name, blocking=True)]


def _audit(name: str, rows: Any) -> dg.AssetCheckResult:
    """Validates a table against the pandera schema of the same name."""
    from pandera.errors import SchemaErrors

    from streamrec import contracts

    try:
        getattr(contracts, name).validate(rows, lazy=True)
    except SchemaErrors as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(passed=True)


def _published(rows: Any, check: dg.AssetCheckResult, **counts: int) -> Iterator[Any]:
    """Yields a table and its check; a table that breaks its contract is not written."""
    if not check.passed:
        yield check
        raise dg.Failure(f"the contract is broken: {check.description}", allow_retries=False)
    yield dg.Output(rows, metadata={"dagster/row_count": len(rows), **counts})
    yield check


table = partial(dg.asset, partitions_def=DAYS, io_manager_key="table")
model = partial(
    dg.asset,
    partitions_def=DAYS,
    io_manager_key="model",
    ins={"interactions": dg.AssetIn("validated_interactions", partition_mapping=TRAINING_DAYS)},
    pool="gpu_pool",
    retry_policy=TRAINING_RETRY,
    freshness_policy=dg.FreshnessPolicy.time_window(timedelta(hours=26)),
)
# an asset can be read by one input only, so this input has the window and the held-out day
evaluation = partial(
    dg.asset,
    partitions_def=DAYS,
    io_manager_key="json",
    ins={"interactions": dg.AssetIn("validated_interactions", partition_mapping=WINDOW)},
)


@table(retry_policy=dg.RetryPolicy(max_retries=1, delay=30), check_specs=_contract("raw_interactions"))
def raw_interactions(context: AssetExecutionContext) -> Iterator[Any]:
    """One day of events from the source."""
    from streamrec.source import raw_interactions as read

    with _final_errors():
        rows = read(_partition(context), Settings.from_environment().source).rows
    yield from _published(rows, _audit("raw_interactions", rows))


@table(check_specs=_contract("validated_interactions"))
def validated_interactions(context: AssetExecutionContext, raw_interactions: Any) -> Iterator[Any]:
    """The events that keep the contract; the others go to the table of rejected rows."""
    from streamrec.features import daily_partials
    from streamrec.validation import validated_interactions as validate

    lake, day, settings = _lake(), context.partition_key, Settings.from_environment()
    validation = validate(raw_interactions, _partition(context), settings.functions["contract"], settings.source)
    lake.write_table("rejected_interactions", day, validation.rejected)
    check = _audit("validated_interactions", validation.rows)
    if check.passed:
        lake.write_table("daily_partials", day, daily_partials(validation.rows))
    yield from _published(validation.rows, check, rejected=len(validation.rejected))


@table(
    ins={"partials": dg.AssetIn("validated_interactions", {"table": "daily_partials"}, partition_mapping=WINDOW)},
    pool="feature_store_pool",
    check_specs=_contract("training_features"),
)
def training_features(context: AssetExecutionContext, partials: Days) -> Iterator[Any]:
    """Per user, item, and user and category: sums over the days before each day."""
    from streamrec.features import training_features as sum_up

    rows = sum_up(partials, _partition(context))
    yield from _published(rows, _audit("training_features", rows))


@model()
def retrieval_model(context: AssetExecutionContext, training_features: Any, interactions: Days) -> MaterializeResult:
    """A two-tower model that finds candidates in the whole catalogue."""
    from streamrec.retrieval import retrieval_model as train

    settings = Settings.from_environment().functions
    with _final_errors(), _time_limit(TRAINING_TIMEOUT):
        trained = train(training_features, interactions, _partition(context), settings["retrieval"], settings["seed"])
    return MaterializeResult(value=trained, metadata={"metrics": dict(trained.metrics)})


@model()
def ranking_model(context: AssetExecutionContext, training_features: Any, interactions: Days) -> MaterializeResult:
    """A model that orders candidates by the chance of a positive event."""
    from streamrec.ranking import ranking_model as train

    settings = Settings.from_environment().functions
    with _final_errors(), _time_limit(TRAINING_TIMEOUT):
        trained = train(training_features, interactions, _partition(context), settings["ranking"], settings["seed"])
    return MaterializeResult(value=trained, metadata={"metrics": dict(trained.metrics)})


@evaluation()
def retrieval_evaluation(
    context: AssetExecutionContext, retrieval_model: Any, training_features: Any, interactions: Days
) -> MaterializeResult:
    """Recall and NDCG on the held-out day, beside popularity."""
    from streamrec.evaluation import retrieval_evaluation as evaluate

    held_out, settings = interactions.pop(context.partition_key), Settings.from_environment().functions["retrieval"]
    metrics = evaluate(retrieval_model, training_features, interactions, held_out, _partition(context), settings)
    return MaterializeResult(value=metrics, metadata=metrics)


@evaluation()
def ranking_evaluation(
    context: AssetExecutionContext, ranking_model: Any, training_features: Any, interactions: Days
) -> MaterializeResult:
    """NDCG@20 and AUC on the held-out day, beside popularity."""
    from streamrec.evaluation import ranking_evaluation as evaluate

    held_out, seed = interactions.pop(context.partition_key), Settings.from_environment().functions["seed"]
    metrics = evaluate(ranking_model, training_features, interactions, held_out, _partition(context), seed)
    return MaterializeResult(value=metrics, metadata=metrics)


@dg.asset(
    partitions_def=DAYS,
    deps=[retrieval_model, ranking_model, retrieval_evaluation, ranking_evaluation],
    pool="model_registry_pool",
    # the last step of a run that starts at 02:00 and may take four hours: a Dagster run deadline would also end the run
    freshness_policy=dg.FreshnessPolicy.cron("0 6 * * *", lower_bound_delta=timedelta(hours=4)),
)
def registered_models(context: AssetExecutionContext) -> MaterializeResult:
    """The gate: registers whichever model passed, also when the other failed."""
    from byhand import steps

    decisions = steps.registered_models(context.partition_key, _succeeded(context))
    return MaterializeResult(metadata={d["model"]: f"{d['stage']}: {d['reason']}" for d in decisions})


def _succeeded(context: AssetExecutionContext) -> set[str]:
    """The steps whose last attempt succeeded, in this run or in the runs that it re-executes."""
    root = context.run.tags.get(ROOT_RUN, context.run.run_id)
    later_runs = context.instance.get_run_records(dg.RunsFilter(tags={ROOT_RUN: root}), ascending=True)
    runs = [root, *(record.dagster_run.run_id for record in later_runs)]
    last_statuses = {stat.step_key: stat.status for run in runs for stat in context.instance.get_run_step_stats(run)}
    return {step for step, status in last_statuses.items() if status and status.value == "SUCCESS"}


streamrec = dg.define_asset_job("streamrec")
daily = dg.build_schedule_from_partitioned_job(
    streamrec, hour_of_day=2, minute_of_hour=0, default_status=dg.DefaultScheduleStatus.RUNNING
)


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def tell(context: dg.RunFailureSensorContext) -> None:
    """Sends an alert for each step that failed after all retries, or whose process was killed, which a hook misses."""
    events, day = context.get_step_failure_events(), context.partition_key
    if not events:  # the run's own process was killed
        alerts.failed("run", day, dg.Failure(context.failure_event.message))
    for event in events:
        error = event.step_failure_data.error
        while error.cause:
            error = error.cause
        alerts.failed(event.step_key, day, dg.Failure(error.message.strip()))


@dg.run_failure_sensor(request_job=streamrec, default_status=dg.DefaultSensorStatus.RUNNING)
def register_all_the_same(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Runs the gate after a failed step prevented it, because Dagster has no trigger rules."""
    run, gate = context.dagster_run, registered_models.key
    failed = {event.step_key for event in context.get_step_failure_events()}
    if not failed or "registered_models" in failed or gate not in (run.asset_selection or {gate}):
        return dg.SkipReason("no failed step kept the gate from running")
    return dg.RunRequest(
        run_key=run.run_id,
        partition_key=context.partition_key,
        asset_selection=[gate],
        tags={ROOT_RUN: run.tags.get(ROOT_RUN, run.run_id), PARENT_RUN: run.run_id},
    )


defs = dg.Definitions(
    assets=dg.load_assets_from_current_module(group_name="streamrec"),
    jobs=[streamrec],
    schedules=[daily],
    sensors=[tell, register_all_the_same],
    resources={kind: LakeIOManager(kind=kind) for kind in ("table", "model", "json")},
    # steps are forked from a process that has imported this module, because the import takes seconds
    executor=dg.multiprocess_executor.configured({"start_method": {"forkserver": {"preload_modules": [__name__]}}}),
)

if __name__ == "__main__":  # once per deployment: Dagster keeps pool limits in its database
    with dg.DagsterInstance.get() as instance:
        for pool, slots in POOLS.items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)

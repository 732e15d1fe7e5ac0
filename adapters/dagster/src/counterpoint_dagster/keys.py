"""The names by which Dagster keeps what is Counterpoint's, and those of its own by which that is found."""

from __future__ import annotations

# the code location of every served pipeline, which is the module that it is loaded from
LOCATION = "counterpoint_dagster.definitions"
# of Dagster's own: what a run's partition, its schedule and its backfill are
PARTITION, SCHEDULE, BACKFILL = "dagster/partition", "dagster/schedule_name", "dagster/backfill"
# on each run: its request, and the id by which those that follow one another are known
REQUEST, FOLLOWS = "counterpoint/request", "counterpoint/run_id"
# on a run that follows others: the first of them
FIRST = "counterpoint/first_run"
# on the first of the runs that follow one another: the pipeline of which something waits, and for what
WAITING, WAITS_FOR = "counterpoint/waiting", "counterpoint/waits_for"
# on the runs of a backfill: how many may run at once, and which version it makes
MAX_PARALLEL, VERSION = "counterpoint/max_parallel", "counterpoint/version"
# in the metadata of assets and jobs: what has no native place there
KEPT = "counterpoint"
# of an asset: whether its output keeps the contract
CHECK = "contract"

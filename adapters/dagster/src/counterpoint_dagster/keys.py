"""The names of Counterpoint's own data in Dagster, and the names of Dagster's own tags that are read here."""

from __future__ import annotations

# the code location of every served pipeline: the module that Dagster loads
LOCATION = "counterpoint_dagster.definitions"
# Dagster's own tags on a run: its partition, its schedule and its backfill
PARTITION, SCHEDULE, BACKFILL = "dagster/partition", "dagster/schedule_name", "dagster/backfill"
# on each run: its request, and the id that all runs of a chain share
REQUEST, FOLLOWS = "counterpoint/request", "counterpoint/run_id"
# on a follow-up run: the first run of the chain
FIRST = "counterpoint/first_run"
# on the first run of a chain: the pipeline with a waiting step, and what the step waits for
WAITING, WAITS_FOR = "counterpoint/waiting", "counterpoint/waits_for"
# on the runs of a backfill: how many may run at once, and the version that they write
MAX_PARALLEL, VERSION = "counterpoint/max_parallel", "counterpoint/version"
# in the metadata of assets and jobs: the properties that have no native place there
METADATA_KEY = "counterpoint"
# in the metadata of a job in generated definitions: what names the structure of the pipeline
STRUCTURE = "counterpoint/structure"
# the tag of an op that tells dagster-k8s the pod of the step
KUBERNETES = "dagster-k8s/config"
# the asset check: whether the output meets its contract
CHECK = "contract"

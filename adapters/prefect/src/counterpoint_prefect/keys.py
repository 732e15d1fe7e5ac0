"""The names of Counterpoint's own data in Prefect: of deployments, pools, tags and states."""

from __future__ import annotations

# the name of a pipeline's deployment; its flow has the pipeline's name
DEPLOYMENT = "counterpoint"
# the name of the work pool
WORK_POOL = "counterpoint"
# prefixes of a pool's name and of an owner in the tags of a task
POOL, OWNER = "pool:", "owner:"
# in the attributes of flows and tasks: the properties that have no native place there
METADATA_KEY = "counterpoint"
# the names of final states of tasks that were not run
SKIPPED, UPSTREAM_FAILED = "Skipped", "UpstreamFailed"
# the name of a rescheduled run's state while a step waits
WAITS = "Waits"

"""The names by which Prefect keeps what is Counterpoint's: of deployments, pools, tags and states."""

from __future__ import annotations

# of the deployment of a pipeline, whose flow bears the name of the pipeline
DEPLOYMENT = "counterpoint"
# of the work pool
WORK_POOL = "counterpoint"
# before the name of a pool, in the tags of a task
POOL = "pool:"
# in the attributes of flows and tasks: what has no native place there
KEPT = "counterpoint"
# of final states: what happened to a task that was not run
SKIPPED, UPSTREAM_FAILED = "Skipped", "UpstreamFailed"
# of the state of a run that is put off, for a step waits
WAITS = "Waits"

"""The names of Counterpoint's own data in Prefect: of deployments, pools, tags and states."""

from __future__ import annotations

from counterpoint.service_environment import SITE_TAG

# the name of a pipeline's deployment; its flow has the pipeline's name
DEPLOYMENT = "counterpoint"
# the module of the entry points of our deployments
ENTRY = "counterpoint_prefect.flows."
# the name of the work pool
WORK_POOL = "counterpoint"
# prefixes of a pool's name and of an owner in the tags of a task
POOL, OWNER = "pool:", "owner:"
# how the keys of assets begin: the pipeline and the step follow
ASSET = "counterpoint://"
# begins the tag of a deployment that names the structure of its pipeline
STRUCTURE = "structure:"
# in the attributes of flows and tasks: the properties that have no native place there
METADATA_KEY = "counterpoint"
# the names of final states of tasks that were not run
SKIPPED, UPSTREAM_FAILED = "Skipped", "UpstreamFailed"
# the name of a rescheduled run's state while a step waits
WAITS = "Waits"
# the variable that holds the URL of a given database
GIVEN = "PREFECT_API_DATABASE_CONNECTION_URL"


def tag_of(target: str) -> str:
    """The tag of a service environment's deployments and of their runs."""
    return f"{SITE_TAG}:{target}"

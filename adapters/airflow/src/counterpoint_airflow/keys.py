"""The names of Counterpoint's own data in Airflow: of tasks, in the conf of runs, in the macros of a DAG."""

from __future__ import annotations

# suffix after the name of a mapped step: the task that counts its elements
ELEMENTS = "__elements"
# the task that fails with hidden failures; no step of a pipeline can have this name
WATCHER = "__watcher"
# behind the name of a step that one upstream step is enough for: tasks that end when one of these has succeeded, and
# when all have ended
GATES = {"__any": "one_success", "__ended": "all_done"}
# in the conf of a run: its request
REQUEST = "counterpoint"
# in the conf of the runs of a backfill, beside the request: which steps of which partitions it runs
SPANS = "spans"
# in the macros of a DAG: the properties that have no native place there
METADATA_KEY = "counterpoint"
# begins the description of the pools that a pipeline declares; a pool without it is not ours
MADE = "declared by the pipeline"

"""The names by which Airflow keeps what is Counterpoint's: of tasks, in the conf of runs, beside what a DAG has."""

from __future__ import annotations

# behind the name of a mapped step: the task that counts its elements
ELEMENTS = "__elements"
# no step of a pipeline has such a name
WATCHER = "__watcher"
# in the conf of a run: its request
REQUEST = "counterpoint"
# in the conf of the runs of a backfill, beside the request: which steps of which partitions it runs
SPANS = "spans"
# what has no native place in a DAG
KEPT = "counterpoint"

"""What Airflow does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Backfills, limits_of

BACKFILLS = Backfills.RANGE
_ROWS = """
inputs.window | a DAG run knows nothing of others | core refuses an incomplete window; in a backfill the task defers
external_inputs | an asset of another DAG starts runs, but holds none back | inlets; the task defers until it stands
timeout | execution_timeout is a signal, which does not interrupt C code | core kills the step's own process first
map_over | mapped tasks expand over a list in XCom, which holds references only | a small task counts the elements
steps | a DAG run has every task of its DAG | what is not selected is skipped, or ends at once where others wait for it
retry | before Airflow 3.3 a delay is drawn from 1 to 2 times core's own | Airflow's arithmetic; exact from 3.3 on
retry.jitter | Airflow has no size of the jitter | kept with the task, whose retry policy draws it
schedule | the data interval of a cron is from tick to tick | a timetable of its own: the partition before the tick
backfill.order | a backfill goes through days in one direction only | prioritized: a backfill for each day, one by one
backfill.max_parallel | a backfill counts DAG runs, not steps | that many days at once; pools hold back their steps
deadline | it counts from the queue or the logical date, not from the schedule | from 3.3 on a reference of ours
freshness | assets have no freshness policy | kept with the task; `counterpoint watch` judges it
trigger_rule.one_success | it starts at the first success, while others run | two tasks before it, without a worker
resources | only executors on Kubernetes give a task CPUs and memory | core limits memory and threads; a pod for it
image | only executors on Kubernetes start a task from an image | the worker's own; a pod override for those
tags | a DAG has tags, a task has none | those of the pipeline are the DAG's; those of a step are kept with the task
group | a task has one retry policy and one end | core retries each step in it; assets when all succeeded
pools | dag.test() knows no pools | it runs one task at a time; on the services pools are Airflow's own
"""
LIMITS = limits_of(_ROWS, BACKFILLS)

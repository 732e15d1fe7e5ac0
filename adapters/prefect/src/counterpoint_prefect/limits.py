"""What Prefect does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Backfills, limits_of

BACKFILLS = Backfills.RUNS
_ROWS = """
timeout | a task's time-out cannot interrupt a thread that sits in C code | core kills the process of the step
partitions | Prefect knows no partitions | the partition is a parameter of the flow; its window is core's to check
inputs | a flow's edges are declared nowhere before it runs | the flow keeps its edges and submits its tasks by them
retry.jitter | it is drawn around a delay, also below it | delays so much longer that the bounds are core's own
backfill | Prefect has {backfills} | a work queue with a limit; the command creates its runs when their windows stand
waits | a run that is scheduled again starts a process to look | at each poll a short process; none in between
external_inputs | an asset has no partitions, and holds no run back | asset_deps and events of assets; the run waits
approval | a paused run goes on only when Prefect itself is told to | a wait; `counterpoint approve`, state `Waits`
freshness | freshness belongs to no object of Prefect's | kept with the task; `counterpoint watch` judges it
resources | a flow run is one container | the most of any step, as job variables; core limits memory and threads of each
image | a flow run is one container | the image of all steps, as a job variable; different images are refused
group | a task has one retry policy, one state, one set of tags | core retries each step in it; records have each step
deadline | a deployment has no deadline | an automation shows late runs from when they begin; `counterpoint watch`
"""
LIMITS = limits_of(_ROWS, BACKFILLS)

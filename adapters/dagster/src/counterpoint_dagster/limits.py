"""What Dagster does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Backfills, limits_of

BACKFILLS = Backfills.ANY
_ROWS = """
timeout | Dagster has no time-out of an op, only of a whole run | core kills the process of the step; the op fails
trigger_rule | whatever is downstream of a failed or skipped op is skipped | a run status sensor runs what is left
retry.max_delay | the delay (2**n - 1) * delay has no upper limit | the op asks for each retry with core's own delay
map_over | an asset is one op, and cannot become one per element | the op executes the elements one after the other
waits | an op cannot be put off, nor an asset of a backfill | its op ends, a sensor goes on; a run for each part
external_inputs | no mapping between time zones, or by shifts of longer partitions | on all partitions; the step waits
approval | Dagster has no approval of a step on its page | `counterpoint approve`; tags of the run say what waits
backfill | an asset backfill has neither an order nor a limit | a backfill for each day; a tag with a limit on runs
resources | only k8s_job_executor gives an op CPUs and memory | core limits memory and threads; a tag for that
image | only k8s_job_executor starts an op from an image | the run's own; a tag of the op for that executor
group | an op has one retry policy and one end | core retries each step in it; the assets are told at its end
deadline | a run has no deadline; freshness policies look at assets | in the job's metadata; `counterpoint watch`
"""
LIMITS = limits_of(_ROWS, BACKFILLS)

"""When a run will have ended: by how its steps are now, and how long they usually take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.model import order
from counterpoint.monitoring.states import OPEN, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline
    from counterpoint.monitoring.states import StepState


class Expected(NamedTuple):
    """When a run is expected to end at the earliest, and the chain of open steps that it waits for until then."""

    end: datetime
    chain: tuple[str, ...]


def expected_end(
    pipeline: Pipeline, states: Mapping[str, StepState], seconds: Mapping[str, float], now: datetime
) -> Expected:
    """When the last open step ends, if each takes its usual seconds and begins when those before it have ended.

    A step of which nothing is known takes no time, and none waits for a pool: it is a bound from below, so it tells of
    no delay that will not come.
    """
    ends: dict[str, Expected] = {}
    for name in order(pipeline):
        state = states[name]
        if state.standing not in OPEN:
            continue
        usual = timedelta(seconds=seconds.get(name, 0.0))
        before = max((ends[u] for u in pipeline.step(name).upstream if u in ends), default=Expected(now, ()))
        if state.standing is Standing.RUNNING and state.since:
            ends[name] = Expected(max(state.since + usual, now), (name,))
        else:
            ends[name] = Expected(before.end + usual, (*before.chain, name))
    return max(ends.values(), key=lambda expected: expected.end, default=Expected(now, ()))

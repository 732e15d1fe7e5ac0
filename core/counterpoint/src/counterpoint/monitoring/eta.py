"""The expected end of a run, from the states of its steps and their usual durations."""

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
    """The earliest expected end of a run, and the chain of open steps that determines it."""

    end: datetime
    chain: tuple[str, ...]


def expected_end(
    pipeline: Pipeline, states: Mapping[str, StepState], seconds: Mapping[str, float], now: datetime
) -> Expected:
    """The end of the last open step, if each takes its usual seconds and starts after its upstream steps.

    A step without a known duration takes no time, and no step waits for a pool. The result is a lower bound, so it
    never predicts a delay that will not happen.
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

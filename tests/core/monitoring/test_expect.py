"""When a run is expected to end, against a plain simulation of it, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from counterpoint.model import Pipeline, Step
from counterpoint.monitoring.eta import expected_end
from counterpoint.monitoring.states import Standing, StepState

NOW = datetime(2026, 1, 7, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def piped(*edges: tuple[str, ...]) -> Pipeline:
    return Pipeline("p", tuple(Step(name, f"m:{name}", after=tuple(before)) for name, *before in edges))


def simulated(pipeline: Pipeline, states: dict[str, StepState], minutes: dict[str, int]) -> datetime:
    """Lets the clock run: each minute, what has run long enough ends, and what waits for nothing more begins."""
    clock, begun = NOW, {n: s.since for n, s in states.items() if s.standing is Standing.RUNNING}
    is_open = {n for n, s in states.items() if s.standing in {Standing.RUNNING, Standing.WAITING}}
    last = NOW
    while is_open:
        progress = True
        while progress:
            ended = {n for n in is_open & begun.keys() if clock - begun[n] >= minutes[n] * MINUTE}
            is_open -= ended
            last = clock if ended else last
            ready = {n for n in is_open - begun.keys() if not is_open.intersection(pipeline.step(n).upstream)}
            begun |= dict.fromkeys(ready, clock)
            progress = bool(ended or ready)
        clock += MINUTE
    return last


@st.composite
def runs(draw: st.DrawFn) -> tuple[Pipeline, dict[str, StepState], dict[str, int]]:
    steps: list[Step] = []
    states: dict[str, StepState] = {}
    for number in range(draw(st.integers(1, 7))):
        before = draw(st.sets(st.sampled_from([s.name for s in steps]), max_size=3)) if steps else set()
        steps.append(Step(f"s{number}", "m:f", after=tuple(sorted(before))))
        choices = [Standing.WAITING]
        if all(states[name].standing is Standing.ENDED for name in before):
            choices += [Standing.RUNNING, Standing.ENDED]
        standing = draw(st.sampled_from(choices))
        since = NOW - MINUTE * draw(st.integers(0, 30)) if standing is Standing.RUNNING else None
        states[f"s{number}"] = StepState(standing, since)
    minutes = {step.name: draw(st.integers(0, 40)) for step in steps}
    return Pipeline("p", tuple(steps)), states, minutes


@given(runs())
def test_against_a_simulation(run: tuple[Pipeline, dict[str, StepState], dict[str, int]]) -> None:
    pipeline, states, minutes = run
    seconds = {name: count * 60.0 for name, count in minutes.items()}
    found = expected_end(pipeline, states, seconds, NOW)
    assert found.end == simulated(pipeline, states, minutes)
    # the chain is one of open steps, each after the one before it, and it alone takes until the end
    assert all(a in pipeline.step(b).upstream for a, b in zip(found.chain, found.chain[1:], strict=False))
    if found.chain:
        first = states[found.chain[0]]
        begins = first.since if first.standing is Standing.RUNNING else NOW
        alone = begins + sum((minutes[name] * MINUTE for name in found.chain), timedelta(0))
        rest = sum((minutes[name] * MINUTE for name in found.chain[1:]), timedelta(0))
        assert found.end == max(alone, NOW + rest)


def test_the_chain_is_told_in_order() -> None:
    pipeline = piped(("a",), ("b", "a"), ("c", "a"), ("d", "b", "c"))
    waiting = StepState(Standing.WAITING)
    states = {"a": StepState(Standing.RUNNING, NOW - 10 * MINUTE), "b": waiting, "c": waiting, "d": waiting}
    found = expected_end(pipeline, states, {"a": 1200.0, "b": 60.0, "c": 120.0, "d": 30.0}, NOW)
    assert found.chain == ("a", "c", "d")
    assert found.end == NOW + timedelta(seconds=600 + 120 + 30)


def test_a_step_that_runs_longer_than_usual_may_end_now() -> None:
    found = expected_end(piped(("a",)), {"a": StepState(Standing.RUNNING, NOW - 60 * MINUTE)}, {"a": 60.0}, NOW)
    assert found.end == NOW


def test_a_step_without_a_history_takes_no_time() -> None:
    assert expected_end(piped(("a",)), {"a": StepState(Standing.WAITING)}, {}, NOW).end == NOW


def test_nothing_is_waited_for_when_all_has_ended() -> None:
    states = {"a": StepState(Standing.ENDED, NOW)}
    assert expected_end(piped(("a",)), states, {"a": 60.0}, NOW) == (NOW, ())

"""The breaker of a step, under runs that begin, end and die in any order, against its definition."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dimmer import BUG, HOUR, START, state, work_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from counterpoint.errors import SwitchedOffError
from counterpoint.runtime.breaker import admit, count_failure, count_success

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class Simple:
    """What a breaker is by its definition, for runs that end once."""

    row: int = 0
    opened: float | None = None
    probe: str | None = None
    probed: float = 0

    def admits(self, run: str, now: float) -> bool:
        if self.opened is None:
            return True
        free = now >= self.opened + 1 if self.probe is None else now >= self.probed + 1
        if run == self.probe or free:
            self.probe, self.probed = run, now
            return True
        return False

    def ends(self, run: str, now: float, *, well: bool) -> None:
        if well:
            self.row, self.opened, self.probe = 0, None, None
            return
        self.row += 1
        if run == self.probe or (self.opened is None and self.row >= 3):
            self.opened, self.probe = now, None


class Circuits(RuleBasedStateMachine):
    """Any order of runs that begin, end and die, in any time, against the definition."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model, self.now, self.runs, self.running = Simple(), 0.0, 0, list[str]()

    def teardown(self) -> None:
        self.folder.cleanup()

    @property
    def moment(self) -> datetime:
        return START + self.now * HOUR

    @rule(hours=st.sampled_from([0.25, 0.5, 1.0]))
    def waits(self, hours: float) -> None:
        self.now += hours

    @rule()
    def begins(self) -> None:
        self.runs += 1
        run = f"run-{self.runs}"
        if self._admitted(run):
            self.running.append(run)

    @rule(times=st.integers(1, 4))
    def fails_in_a_row(self, times: int) -> None:
        for _ in range(times):
            before = len(self.running)
            self.begins()
            if len(self.running) > before:
                self.ended(before, well=False)

    @rule(which=st.integers(0, 9))
    def tries_again(self, which: int) -> None:
        if self.running:
            self._admitted(self.running[which % len(self.running)])

    def _admitted(self, run: str) -> bool:
        expected = self.model.admits(run, self.now)
        try:
            admit(work_of(self.folder.name, run), self.moment)
        except SwitchedOffError:
            assert not expected
        else:
            assert expected
        return expected

    @rule(which=st.integers(0, 9), well=st.booleans())
    def ends(self, which: int, *, well: bool) -> None:
        if self.running:
            self.ended(which % len(self.running), well=well)

    def ended(self, index: int, *, well: bool) -> None:
        run = self.running.pop(index)
        self.model.ends(run, self.now, well=well)
        if well:
            count_success(work_of(self.folder.name, run))
        else:
            count_failure(work_of(self.folder.name, run), BUG, self.moment)

    @invariant()
    def says_the_same(self) -> None:
        expected = "closed" if self.model.opened is None else "open" if self.model.probe is None else "half-open"
        assert state(self.folder.name) == expected


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

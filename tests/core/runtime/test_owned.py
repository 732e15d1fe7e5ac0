"""Two sides share a pipeline: each step is computed once, by its owner; the other waits for it, and takes it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import halves
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.backfill.status import grid
from counterpoint.errors import MissingInputError
from counterpoint.model import ArtifactRef, RunRequest, Status, order
from counterpoint.runtime import condition_holds, context_of, elements, execute, find_pipeline, step_record
from counterpoint.runtime.ownership_gate import waited_for
from counterpoint.runtime.schedule_ownership import Owners, Party, keep, now, read
from counterpoint.runtime.waits import admit, held, look, still
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DAY = "2026-01-03"
NAME = "halves:halves"
SIDES = ("airflow", "dagster")
STEPS = tuple(step.name for step in halves.halves.steps)
# which of the two branches is not run
RUN = Counter({**dict.fromkeys(STEPS, 1), "each": 2, "large": 0})


@pytest.fixture(autouse=True)
def outside() -> Iterator[None]:
    begin()
    yield
    begin()


def begin() -> None:
    halves.MADE.clear()
    halves.OUTSIDE.update(now="first", size=2)


@dataclass
class Run:
    """A run of one side, step by step."""

    root: str
    side: str
    scheduled: bool = True
    name: str = "tick"
    ended: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> RunRequest:
        return RunRequest(NAME, DAY, f"{self.side}-{self.name}", self.root, self.side, scheduled=self.scheduled)

    @property
    def next(self) -> list[str]:
        """The steps that could begin, if nothing waits."""
        pipeline = find_pipeline(NAME)
        left = [name for name in order(pipeline) if name not in self.ended]
        return [name for name in left if self.ended.keys() >= set(pipeline.step(name).upstream)]

    def go_on(self, name: str) -> bool:
        """Ends a step; False when it waits."""
        passed = {before: made for before, made in self.ended.items() if made is not None}
        if not condition_holds(self.request, name, passed):
            self.ended[name] = None
        elif admit(self.request, name):
            return False
        elif halves.halves.step(name).map_over:
            count = elements(self.request, name, passed)
            self.ended[name] = [execute(self.request, name, passed, index=i) for i in range(count)]
        else:
            self.ended[name] = execute(self.request, name, passed)
        return True

    def until_it_waits(self) -> tuple[str, ...]:
        """Goes on with all that goes on; what waits then."""
        while [name for name in self.next if self.go_on(name)]:
            pass
        return tuple(self.next)

    def digests(self) -> dict[str, Any]:
        return {name: [one.digest for one in flat(made)] for name, made in self.ended.items()}


def flat(made: Any) -> list[ArtifactRef]:
    return [made] if isinstance(made, ArtifactRef) else made or []


def store_of(root: object) -> Store:
    return Store(str(root), find_pipeline(NAME))


def divide(root: object, steps: Mapping[str, str], owner: Party = Party("airflow"), pending: Any = None) -> None:  # noqa: B008
    store = store_of(root)
    keep(store, "halves", replace(read(store, "halves"), owner=owner, steps=steps, since=now(), pending=pending))


def test_the_other_side_waits_for_a_step_and_takes_it(tmp_path: Path) -> None:
    divide(tmp_path, {"total": "dagster"})
    airflow, dagster = (Run(str(tmp_path), side) for side in SIDES)
    assert dagster.until_it_waits() == ("source",)
    assert airflow.until_it_waits() == ("total",)
    assert halves.MADE == ["source", "each", "each"]
    words = f"total of {DAY}, which dagster owns"
    noted = held(airflow.request)["total"]
    assert noted["for"] == [words]
    # a day, and no worker meanwhile
    waiting = look(airflow.request, "total")
    assert waiting
    assert (waiting.until - waiting.since, waiting.poll) == (timedelta(days=1), timedelta(seconds=30))
    assert [one["for"] for one in grid(str(tmp_path), NAME, halves.halves, "production")["waiting"]][1:] == [[words]]

    assert dagster.until_it_waits() == ("size",)
    assert airflow.until_it_waits() == ()
    assert held(airflow.request) == {}
    assert dagster.until_it_waits() == ()
    assert Counter(halves.MADE) == RUN
    assert airflow.digests() == dagster.digests()
    reused = {side: step_record(Run(str(tmp_path), side).request, "total")["reused"] for side in SIDES}
    assert reused == {"airflow": True, "dagster": False}


@settings(max_examples=40)
@given(st.fixed_dictionaries(dict.fromkeys(STEPS, st.sampled_from(SIDES))), st.randoms(use_true_random=False))
def test_whatever_the_division_each_step_is_computed_once_by_its_owner(
    tmp_path_factory: pytest.TempPathFactory, sides: dict[str, str], chance: Any
) -> None:
    begin()
    root = tmp_path_factory.mktemp("root")
    divide(root, {name: side for name, side in sides.items() if side == "dagster"})
    runs = [Run(str(root), side) for side in SIDES]
    while left := [(run, name) for run in runs for name in run.next]:
        chance.shuffle(left)
        # if each waited for the other, none would go on
        assert any(run.go_on(name) for run, name in left), left
    assert Counter(halves.MADE) == +RUN
    assert runs[0].digests() == runs[1].digests()
    store = store_of(root)
    made = {name: entry for name in STEPS for key in (DAY, f"{DAY}.0") if (entry := store.entry(name, key))}
    assert {name: entry.run_id for name, entry in made.items()} == {name: f"{sides[name]}-tick" for name in made}


@pytest.mark.parametrize("how", ["by hand", "nobody owns it", "a DAG that is not ours owns it", "the same side"])
def test_what_no_other_side_owns_is_computed(tmp_path: Path, how: str) -> None:
    legacy = Party("airflow", {"url": "http://x", "dag_id": "old"})
    if how != "nobody owns it":
        divide(tmp_path, {}, legacy if how.startswith("a DAG") else Party("airflow"))
    run = Run(str(tmp_path), "airflow" if how == "the same side" else "dagster", scheduled=how != "by hand")
    assert waited_for(context_of(run.request, "total")) is None
    assert run.until_it_waits() == ()
    assert Counter(halves.MADE) == +RUN


def test_while_a_step_changes_hands_it_waits_on_both_sides(tmp_path: Path) -> None:
    divide(tmp_path, {})
    pending = {"steps": ["total"], "action": "cutover", "from": Party("airflow").to_dict()}
    pending |= {"to": Party("dagster").to_dict(), "before": {}, "after": {}}
    divide(tmp_path, {}, pending=pending)
    airflow = Run(str(tmp_path), "airflow")
    assert airflow.until_it_waits() == ("total",)
    (said,) = held(airflow.request)["total"]["for"]
    ledger = f"counterpoint migrate ledger {airflow.request.pipeline} --root {tmp_path}"
    assert said == f"the cut-over of total to be finished (see '{ledger}')"
    # what was let begin before is computed: who moves it sees its run
    assert isinstance(execute(airflow.request, "total", airflow.ended), ArtifactRef)
    divide(tmp_path, {"total": "dagster"})
    assert airflow.until_it_waits() == ()
    assert Counter(halves.MADE) == +RUN


def test_an_output_of_earlier_inputs_is_not_taken(tmp_path: Path) -> None:
    divide(tmp_path, {"total": "dagster"})
    first = Run(str(tmp_path), "airflow", scheduled=False, name="hand")
    assert first.until_it_waits() == ()
    halves.OUTSIDE.update(now="second", size=3)
    airflow, dagster = (Run(str(tmp_path), side) for side in SIDES)
    assert "total" in airflow.until_it_waits()
    with pytest.raises(
        MissingInputError, match="total of 2026-01-03 is dagster's, and its output is not fresh any more"
    ):
        execute(airflow.request, "total", airflow.ended)
    dagster.until_it_waits()
    airflow.until_it_waits()
    assert store_of(tmp_path).read(airflow.ended["total"]) == 3


def test_what_the_owner_saw_outside_counts(tmp_path: Path) -> None:
    divide(tmp_path, {"source": "dagster"})
    by_hand = Run(str(tmp_path), "airflow", scheduled=False, name="hand")
    by_hand.until_it_waits()
    halves.OUTSIDE.update(now="second", size=3)
    airflow, dagster = (Run(str(tmp_path), side) for side in SIDES)
    # what somebody made of an older state is not what the owner will make, and what it fails to make neither
    assert airflow.until_it_waits() == ("source",)
    halves.OUTSIDE["now"] = "broken"
    with pytest.raises(OSError, match="gone"):
        dagster.go_on("source")
    assert airflow.until_it_waits() == ("source",)
    halves.OUTSIDE["now"] = "second"
    assert dagster.go_on("source")
    halves.OUTSIDE.update(now="third", size=4)
    assert airflow.go_on("source")
    assert airflow.ended["source"].digest == dagster.ended["source"].digest
    assert halves.MADE.count("source") == 2
    # another attempt finds it as well
    assert look(airflow.request, "source") is None


def test_what_the_owner_made_of_other_inputs_does_not(tmp_path: Path) -> None:
    divide(tmp_path, {"total": "dagster"})
    airflow, dagster = (Run(str(tmp_path), side) for side in SIDES)
    assert airflow.go_on("source")
    assert dagster.go_on("source")
    assert dagster.go_on("total")
    halves.OUTSIDE.update(now="second", size=3)
    assert look(airflow.request, "total") is None
    by_hand = Run(str(tmp_path), "airflow", scheduled=False, name="hand")
    by_hand.go_on("source")
    assert look(airflow.request, "total")


@pytest.mark.parametrize("size", [0, 3])
def test_of_a_mapped_step_every_element_is_waited_for(tmp_path: Path, size: int) -> None:
    halves.OUTSIDE["size"] = size
    divide(tmp_path, {"each": "dagster"})
    airflow, dagster = (Run(str(tmp_path), side) for side in SIDES)
    assert ("each" in airflow.until_it_waits()) == (size > 0)
    dagster.go_on("source")
    for index in range(size):
        assert admit(airflow.request, "each")
        execute(dagster.request, "each", dagster.ended, index=index)
    airflow.until_it_waits()
    assert halves.MADE.count("each") == size


def test_what_does_not_come_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    divide(tmp_path, {"source": "dagster"})
    monkeypatch.setattr("counterpoint.runtime.ownership_gate.POLL", timedelta(seconds=0.01))
    monkeypatch.setattr("counterpoint.runtime.ownership_gate.TIMEOUT", timedelta(seconds=0.02))
    airflow = Run(str(tmp_path), "airflow")
    while still(airflow.request, "source"):
        pass
    with pytest.raises(MissingInputError, match=f"waited 0 s for source of {DAY}, which dagster owns"):
        admit(airflow.request, "source")
    assert step_record(airflow.request, "source")["status"] == Status.FAILED


def test_what_cannot_be_read_is_waited_for_and_told(tmp_path: Path) -> None:
    store_of(tmp_path).put("owners/halves.json", b"no owners")
    airflow = Run(str(tmp_path), "airflow")
    assert airflow.until_it_waits() == ("source",)
    (said,) = held(airflow.request)["source"]["for"]
    assert "owners/halves.json is damaged (no JSON" in said
    assert json.loads(airflow.request.to_json())["scheduled"] is True
    store_of(tmp_path).put("owners/halves.json", json.dumps(Owners().to_dict()).encode())
    assert airflow.until_it_waits() == ()
